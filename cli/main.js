'use strict'

// The command line, over the public surface alone: finds the command, reads its options, and turns whatever happens into
// text and an exit status. Statuses are part of the interface; `dev-bin --help` lists them.

const { version } = require('../package.json')
const { COMMANDS } = require('./commands.js')
const { commandHelp, help } = require('./help.js')
const { parse, UsageError } = require('./arguments.js')
const { painted } = require('./text.js')

const OK = 0
const FAILED = 1
const USAGE = 2

/** Runs one command line: the status to exit with. Never rejects. */
async function main(argv) {
  // Whoever reads, as `head` does, may have read enough.
  process.stdout.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error
  })
  const [name, ...rest] = argv
  try {
    if (name === undefined) throw new UsageError('there is no command')
    if (name === '--help' || name === '-h' || name === 'help') return printed(helpOn(rest[0]))
    if (name === '--version' || name === '-V') return printed(`dev-bin ${version}`)
    const command = named(name)
    if (asksForHelp(rest)) return printed(commandHelp(name, command))
    return await command.run(parse(command, rest))
  } catch (error) {
    return failed(error, name)
  }
}

function named(name) {
  if (Object.hasOwn(COMMANDS, name)) return COMMANDS[name]
  const problem = name.startsWith('-')
    ? `there is no option \`${name}\` before a command`
    : `there is no command \`${name}\``
  throw new UsageError(`${problem}; there are ${Object.keys(COMMANDS).join(', ')}`)
}

function helpOn(name) {
  return name === undefined || name.startsWith('-') ? help(COMMANDS) : commandHelp(name, named(name))
}

/** `--help` wherever it stands, but for what follows `--`, which is the binary's. */
function asksForHelp(rest) {
  const end = rest.indexOf('--')
  const own = end < 0 ? rest : rest.slice(0, end)
  return own.includes('--help') || own.includes('-h')
}

function printed(text) {
  process.stdout.write(`${text}\n`)
  return OK
}

/** Says on stderr what is wrong and what to do. A stack is for those who maintain this, and ask for it. */
function failed(error, name) {
  const paint = painted(process.stderr)
  const isUsage = error instanceof UsageError || error.code === 'INVALID_OPTION'
  const code = error instanceof UsageError || error.code === undefined ? '' : `[${error.code}]`
  const wantsStack = /^(debug|trace)$/i.test(process.env.DEV_BIN_LOG ?? '')
  const text = error.told ?? error.message
  process.stderr.write(`${paint.red(`error${code}`)}: ${text}\n`)
  if (isUsage) {
    const about = name !== undefined && Object.hasOwn(COMMANDS, name) ? `dev-bin ${name} --help` : 'dev-bin --help'
    process.stderr.write(`\nhint: \`${about}\` shows what there is\n`)
  }
  if (wantsStack) process.stderr.write(`\n${error.stack}\n`)
  return isUsage ? USAGE : FAILED
}

module.exports = { main }
