'use strict'

// Runs a command line: finds the command, parses its options, and turns the result or the error into text and an exit
// status. The statuses are part of the interface; `dev-bin --help` lists them.

const { asksFor, parse, UsageError } = require('./arguments.js')
const { COMMANDS } = require('./commands.js')
const { OutputError, write } = require('./output.js')

const OK = 0
const FAILED = 1
const USAGE = 2
/** The status of a program that SIGPIPE ends. Both runtimes ignore that signal. */
const UNREAD = 141

/** Runs one command line, and returns the exit status. Never rejects. */
async function main(argv) {
  const [name, ...rest] = argv
  try {
    if (name === undefined) throw new UsageError('there is no command')
    if (name === '--help' || name === '-h' || name === 'help') return await print(helpOn(rest[0]))
    if (name === '--version' || name === '-V') return await print(`dev-bin ${require('../package.json').version}`)
    const command = commandNamed(name)
    if (asksFor('help', command, rest)) return await print(helpOn(name))
    return await command.run(parse(command, rest))
  } catch (error) {
    return reportError(error, name, rest)
  }
}

function commandNamed(name) {
  if (Object.hasOwn(COMMANDS, name)) return COMMANDS[name]
  const problem = name.startsWith('-')
    ? `there is no option \`${name}\` before a command`
    : `there is no command \`${name}\``
  throw new UsageError(`${problem}; there are ${Object.keys(COMMANDS).join(', ')}`)
}

function helpOn(name) {
  const { commandHelp, help } = require('./help.js')
  return name === undefined || name.startsWith('-') ? help(COMMANDS) : commandHelp(name, commandNamed(name))
}

async function print(text) {
  await write(text)
  return OK
}

/**
 * Writes to stderr what is wrong and what to do, and returns the exit status. Writes a stack only if DEV_BIN_LOG asks
 * for one.
 */
async function reportError(error, name, rest) {
  // The reader has all that it wanted, as `head` has. That is no error.
  if (error instanceof OutputError && error.isUnread) return UNREAD
  const command = Object.hasOwn(COMMANDS, name ?? '') ? COMMANDS[name] : undefined
  if (command?.jsonError && !(error instanceof OutputError) && asksFor('json', command, rest)) {
    await write(command.jsonError(error)).catch(() => {})
  }
  const isUsage = error instanceof UsageError || error.code === 'INVALID_OPTION'
  const wantsStack = /^(debug|trace)$/i.test(process.env.DEV_BIN_LOG ?? '')
  require('./text.js').complain(error)
  if (isUsage) {
    const about = command === undefined ? 'dev-bin --help' : `dev-bin ${name} --help`
    process.stderr.write(`\nhint: \`${about}\` lists the options\n`)
  }
  if (wantsStack) process.stderr.write(`\n${error.stack}\n`)
  return isUsage ? USAGE : FAILED
}

module.exports = { main }
