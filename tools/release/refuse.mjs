// `npm publish` in the clone ends here: its package.json has no optional dependencies, so what it would publish finds no
// addon anywhere. The packages that are staged for a release have no scripts, and pass.

console.error('error: the clone is not what is published: its package.json names no platform packages')
console.error(
  'Push a tag as docs/releasing.md has it; tools/release/publish.mjs then publishes what the workflow has built.',
)
process.exit(1)
