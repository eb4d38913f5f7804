'use strict'

// Writes out why a binary would be built.

const { count, visible } = require('./text.js')

/** Returns the lines of one reason. `readBy` has the runs that read a changed file, by its path. */
function reasonLines(reason, readBy = {}) {
  switch (reason.kind) {
    case 'first-build':
      return ['  no earlier build of it is known']
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

/** Returns the lines that say why other checkouts are not served the binary; none if they are. */
function boundLines(boundBy) {
  return boundBy.length === 0 ? [] : ['for this checkout alone:', ...boundBy.map((bond) => `  ${bond}`)]
}

/** The sentences before the parts that are not portable, by the machines that share the binary all the same. */
const SHARING = {
  none: 'not shared with the team:',
  'equal-paths': 'shared with checkouts of the team at the same path alone:',
  'equal-machines': 'shared with machines of the team that are equal in',
}

/** Returns the lines that say who in a team is not served the binary, and why. */
function limitLines(notPortable) {
  return Object.entries(SHARING).flatMap(([kind, sentence]) => {
    const parts = notPortable.filter(({ sharing }) => sharing === kind)
    return parts.length === 0 ? [] : [sentence, ...parts.map(({ part }) => `  ${visible(part)}`)]
  })
}

function sourceLines({ paths, count }, readBy) {
  const lines = paths.map(({ path, change }) => `    ${change.padEnd(8)} ${path}${readers(readBy[path])}`)
  if (count > paths.length) lines.push(`    and ${count - paths.length} more`)
  return [`  ${count === 1 ? 'a file' : `${count} files`} changed:`, ...lines]
}

/** Returns the end of the line of a file: the first run that read it, and how many others did. */
function readers(runs = []) {
  const [first, ...others] = runs
  if (first === undefined) return ''
  return ` (read by ${first}${others.length > 0 ? ` and ${count(others.length, 'other run')}` : ''})`
}

/** Returns the first digits of a commit, or the name of a branch. */
function commit(id) {
  if (id === undefined) return 'an unborn branch'
  return /^[0-9a-f]{40,}$/.test(id) ? id.slice(0, 12) : visible(id)
}

module.exports = { boundLines, limitLines, reasonLines }
