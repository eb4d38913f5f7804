'use strict'

// What figures and tables look like to people.

const { homedir } = require('node:os')
const { sep } = require('node:path')

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
const STEPS = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
]

/** `4.1 MiB`. */
function size(bytes) {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1)
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${UNITS[power]}`
}

/** `3 days ago`. */
function ago(time, now = Date.now()) {
  const seconds = Math.max(0, (now - time) / 1000)
  const [unit, length] = STEPS.find(([, length]) => seconds >= length) ?? ['second', 1]
  return new Intl.RelativeTimeFormat('en', { numeric: 'always' }).format(-Math.floor(seconds / length), unit)
}

/** `1 binary`, `2 binaries`. */
function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`
}

/** Line breaks, escape sequences, and what turns the direction of writing: nothing of a name may move the cursor. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu

/** A name or path as it can be shown. */
function visible(text) {
  return text.replaceAll(UNSEEN, (character) => {
    const escaped = JSON.stringify(character).slice(1, -1)
    return escaped === character ? `\\u${character.codePointAt(0).toString(16).padStart(4, '0')}` : escaped
  })
}

/** A path as short as it can be typed. */
function shortened(path) {
  const home = process.env.HOME || homedir()
  return path === home || path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path
}

/** Lines of columns; the last column is not padded, so that no line ends in blanks. */
function table(cells) {
  const rows = cells.map((row) => row.map(visible))
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const line = (row) => row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column])))
  return rows.map((row) => line(row).join('  ').trimEnd()).join('\n')
}

/** Colours where `stream` shows them and nobody objects. */
function painted(stream) {
  const { NO_COLOR, TERM } = process.env
  const colour = stream.isTTY && !NO_COLOR && TERM !== 'dumb'
  const in_ = (code) => (text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  return { red: in_('1;31'), green: in_('32'), yellow: in_('33'), bold: in_('1') }
}

/** Says on stderr what failed; what was `told` before is left out. */
function complain({ code, message, told = message }) {
  const kind = code === undefined ? 'error' : `error[${code}]`
  process.stderr.write(`${painted(process.stderr).red(kind)}: ${told}\n`)
}

module.exports = { ago, complain, count, painted, shortened, size, table, visible }
