'use strict'

// The command line, over the public surface alone: finds the command, reads its options, and turns whatever happens into
// text and an exit status. Statuses are part of the interface; `dev-bin --help` lists them.

const { version } = require('../package.json')
const { COMMANDS } = require('./commands.js')
const { commandHelp, help } = require('./help.js')
const { asksFor, parse, UsageError } = require('./arguments.js')
const { listen, OutputError, write } = require('./output.js')
const { complain } = require('./text.js')

const OK = 0
const FAILED = 1
const USAGE = 2
/** As when SIGPIPE ends a program, which both runtimes ignore. */
const UNREAD = 141

/** Runs one command line: the status to exit with. Never rejects. */
async function main(argv) {
  listen()
  const [name, ...rest] = argv
  try {
    if (name === undefined) throw new UsageError('there is no command')
    if (name === '--help' || name === '-h' || name === 'help') return await printed(helpOn(rest[0]))
    if (name === '--version' || name === '-V') return await printed(`dev-bin ${version}`)
    const command = named(name)
    if (asksFor('help', command, rest)) return await printed(commandHelp(name, command))
    return await command.run(parse(command, rest))
  } catch (error) {
    return failed(error, name, rest)
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

async function printed(text) {
  await write(text)
  return OK
}

/** Says on stderr what is wrong and what to do. A stack is for those who maintain this, and ask for it. */
async function failed(error, name, rest) {
  // Whoever reads, as `head` does, has read enough.
  if (error instanceof OutputError && error.isUnread) return UNREAD
  const command = Object.hasOwn(COMMANDS, name ?? '') ? COMMANDS[name] : undefined
  if (command?.jsonError && !(error instanceof OutputError) && asksFor('json', command, rest)) {
    await write(command.jsonError(error)).catch(() => {})
  }
  const isUsage = error instanceof UsageError || error.code === 'INVALID_OPTION'
  const wantsStack = /^(debug|trace)$/i.test(process.env.DEV_BIN_LOG ?? '')
  complain(error)
  if (isUsage) {
    const about = command === undefined ? 'dev-bin --help' : `dev-bin ${name} --help`
    process.stderr.write(`\nhint: \`${about}\` shows what there is\n`)
  }
  if (wantsStack) process.stderr.write(`\n${error.stack}\n`)
  return isUsage ? USAGE : FAILED
}

module.exports = { main }
