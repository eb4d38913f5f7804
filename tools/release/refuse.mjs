// Stops `npm publish` in the clone: its package.json has no optional dependencies, so the published package would find
// no addon. The packages that are staged for a release have no scripts, so nothing stops them.

console.error('error: the clone is not what is published: its package.json names no platform packages')
console.error(
  'Push a tag as docs/releasing.md says; tools/release/publish.mjs then publishes what the workflow has built.',
)
process.exit(1)
