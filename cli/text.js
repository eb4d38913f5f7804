'use strict'

// Writes figures, names and tables for people.

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

/** Returns a number of bytes such as `4.1 MiB`. */
function size(bytes) {
  const power = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), UNITS.length - 1)
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${UNITS[power]}`
}

/** Returns a time in milliseconds since 1970 such as `3 days ago`. */
function ago(time, now = Date.now()) {
  const seconds = Math.max(0, (now - time) / 1000)
  const [unit, length] = STEPS.find(([, length]) => seconds >= length) ?? ['second', 1]
  return new Intl.RelativeTimeFormat('en', { numeric: 'always' }).format(-Math.floor(seconds / length), unit)
}

/** Returns a number with its noun, such as `1 binary` or `2 binaries`. */
function count(number, one, many = `${one}s`) {
  return `${number} ${number === 1 ? one : many}`
}

/** Characters that move the cursor or change the direction of writing, which a name must not do on a terminal. */
const CONTROL_CHARACTERS = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu

/** Returns a name or a path with its control characters escaped. */
function visible(text) {
  return text.replaceAll(CONTROL_CHARACTERS, (character) => {
    const escaped = JSON.stringify(character).slice(1, -1)
    return escaped === character ? `\\u${character.codePointAt(0).toString(16).padStart(4, '0')}` : escaped
  })
}

/** Returns a path with `~` for the home directory. */
function shortened(path) {
  const home = process.env.HOME || homedir()
  return path === home || path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path
}

/**
 * Returns rows of cells as lines with aligned columns. The last column is not padded, so that no line ends in blanks.
 */
function table(cells) {
  const rows = cells.map((row) => row.map(visible))
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const line = (row) => row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column])))
  return rows.map((row) => line(row).join('  ').trimEnd()).join('\n')
}

/**
 * Returns functions that colour a text; they return it unchanged if `stream` is no terminal with colours, or NO_COLOR
 * is set.
 */
function colours(stream) {
  const { NO_COLOR, TERM } = process.env
  const isColoured = stream.isTTY && !NO_COLOR && TERM !== 'dumb'
  const in_ = (code) => (text) => (isColoured ? `\u001b[${code}m${text}\u001b[0m` : text)
  return { red: in_('1;31'), green: in_('32'), yellow: in_('33'), bold: in_('1') }
}

/** Writes an error to stderr, with its `shortMessage` if it has one. */
function complain({ code, message, shortMessage = message }) {
  const kind = code === undefined ? 'error' : `error[${code}]`
  process.stderr.write(`${colours(process.stderr).red(kind)}: ${shortMessage}\n`)
}

module.exports = { ago, colours, complain, count, shortened, size, table, visible }
