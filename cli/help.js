'use strict'

// Writes the text of `--help`.

const { OPTIONS } = require('./arguments.js')

const STATUSES = `Exit status:
  0    success; for \`why\`, a hit
  1    a build or anything else failed; for \`verify\`, a binary is damaged or stale
  2    the command line or an option is wrong
  3    for \`why\`, a miss; for \`get --no-build\`, a binary that would have to be built
  141  the reader of standard output has gone
  \`run\` ends as the binary does; with 126 when the system cannot execute it, and 127 when something is missing.
  A command that is ended by a signal ends by that signal.`

const VARIABLES = `Environment:
  DEV_BIN_CACHE_DIR                where binaries are kept
  DEV_BIN_MAX_SIZE                 the size that the cache may have on disk (default: 5GiB; none for no limit)
  DEV_BIN_MAX_AGE                  how long a binary is kept after its last use (default: 30d; none for no limit)
  DEV_BIN_OBSERVE                  auto or off: if builds are observed, on Linux (default: auto)
  DEV_BIN_REMOTE_URL               a team's store, which is asked before a build
  DEV_BIN_REMOTE_KEYS              the public keys that are trusted, separated by commas
  DEV_BIN_REMOTE_MODE              off, read or publish (default: read)
  DEV_BIN_REMOTE_SIGNING_KEY_FILE  the private key that signs what is published
  DEV_BIN_REMOTE_PROGRAM           the program that speaks to stores
  DEV_BIN_LOG                      debug or trace: a log on stderr, and a stack with each error
  NO_COLOR                         no colours`

function aligned(rows) {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}

function help(commands) {
  const rows = Object.entries(commands).map(([name, { summary }]) => [name, summary])
  return `The path of an up-to-date binary of a Rust crate, built when something has changed and from a cache otherwise.

Usage: dev-bin COMMAND [OPTIONS]

Commands:
${aligned(rows)}

Options:
${aligned([
  ['-h, --help', 'this text; after a command, help on that command'],
  ['-V, --version', 'the version'],
])}

${STATUSES}

${VARIABLES}`
}

function commandHelp(name, { summary, usage, options, detail, examples }) {
  const shown = (option) => {
    const { short, value, help } = OPTIONS[option]
    return [`${short === undefined ? '    ' : `-${short}, `}--${option}${value === undefined ? '' : ` ${value}`}`, help]
  }
  const rows = [...options.map(shown), ['-h, --help', 'this text']]
  const paragraphs = [
    `dev-bin ${name}: ${summary}`,
    `Usage: dev-bin ${name} ${usage}`.trimEnd(),
    detail,
    `Options:\n${aligned(rows)}`,
    `Examples:\n${examples.map((example) => `  ${example}`).join('\n')}`,
  ]
  return paragraphs.filter((paragraph) => paragraph !== undefined).join('\n\n')
}

module.exports = { commandHelp, help }
