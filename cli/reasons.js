'use strict'

// Why something would be built, in full.

const { count, visible } = require('./text.js')

/** A few lines for one reason; `readBy` has the runs that read a path. */
function reasonLines(reason, readBy = {}) {
  switch (reason.kind) {
    case 'first-build':
      return ['  it was not built before, or nothing is left of that']
    case 'rebuild':
      return ['  a rebuild was asked for']
    case 'corrupt':
      return [`  ${reason.detail}`]
    case 'request':
      return [`  options changed: ${reason.options.join(', ')}`]
    case 'source':
      return sourceLines(reason, readBy)
    case 'head':
      return [
        `  HEAD${reason.repository === '' ? '' : ` of ${reason.repository}`} moved: ${commit(reason.from)} → ${commit(reason.to)}`,
      ]
    case 'toolchain':
      return [`  ${reason.tool} changed: ${reason.from ?? 'none'} → ${reason.to ?? 'none'}`]
    case 'environment':
      return [`  variables changed: ${reason.names.join(', ')}`]
    case 'cargo-config':
      return [`  cargo's configuration changed: ${reason.files.join(', ')}`]
    case 'bound':
      return [
        `  built in another checkout, at ${visible(reason.checkout)}; not shared, because`,
        ...reason.boundBy.map((bond) => `    ${bond}`),
      ]
    case 'unknown-reads':
      return ['  it is not known what the last build read, so cargo has to look:', `    ${reason.detail}`]
    default:
      return [`  ${reason.kind}`]
  }
}

/** Why other checkouts are not served the binary, for a person; nothing where they are. */
function boundLines(boundBy) {
  return boundBy.length === 0 ? [] : ['for this checkout alone:', ...boundBy.map((bond) => `  ${bond}`)]
}

function sourceLines({ paths, count }, readBy) {
  const lines = paths.map(({ path, change }) => `    ${change.padEnd(8)} ${path}${readers(readBy[path])}`)
  if (count > paths.length) lines.push(`    and ${count - paths.length} more`)
  return [`  ${count === 1 ? 'a file' : `${count} files`} changed:`, ...lines]
}

/** Who read something, as the end of a line; one alone, since a change of any of them builds. */
function readers(runs = []) {
  const [first, ...others] = runs
  if (first === undefined) return ''
  return ` (read by ${first}${others.length > 0 ? ` and ${count(others.length, 'other run')}` : ''})`
}

/** A commit in short, or the name of a branch. */
function commit(id) {
  if (id === undefined) return 'an unborn branch'
  return /^[0-9a-f]{40,}$/.test(id) ? id.slice(0, 12) : visible(id)
}

module.exports = { boundLines, reasonLines }
