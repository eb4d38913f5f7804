'use strict'

// `dev-bin remote`: tries a team's store, makes keys, and puts binaries into the store.

const { UsageError } = require('./arguments.js')
const { write } = require('./output.js')
const { getBinary, requestOf } = require('./request.js')

const OK = 0
const FAILED = 1

const ACTIONS = { check, keygen, publish }

async function remote({ values, positionals: [action, ...rest] }) {
  if (action === undefined || !Object.hasOwn(ACTIONS, action)) {
    const problem = action === undefined ? 'there is no action' : `there is no action \`${action}\``
    throw new UsageError(`${problem}; there are ${Object.keys(ACTIONS).join(', ')}`)
  }
  if (action !== 'keygen' && rest.length > 0) throw new UsageError(`\`${rest[0]}\` is one argument too many`)
  return ACTIONS[action](values, rest)
}

/** Returns the settings of the store that the variables name. */
function settings() {
  const { remoteSettings } = require('../lib/remote.js')
  const found = remoteSettings({}, process.env)
  if (found === undefined)
    throw new UsageError('there is no store: DEV_BIN_REMOTE_URL is not set, or the mode is `off`')
  return found
}

/** Returns the path of the program that speaks to stores. */
function program() {
  const { INSTALL, programPath } = require('../lib/remote.js')
  const path = programPath(process.env)
  if (path !== undefined) return path
  const { DevBinaryError } = require('../lib/error.js')
  throw new DevBinaryError('TOOL_NOT_FOUND', 'the program that speaks to stores is not installed', {
    hint: `run \`${INSTALL}\``,
  })
}

/** Puts a small object into the store, gets it and deletes it, and says how long each took and what is wrong. */
async function check(values) {
  const { url, keys, mode, signingKeyFiles } = settings()
  const config = { url, keys, mode, signingKeyFile: signingKeyFiles }
  const input = [config, { id: 1, op: 'check' }].map((line) => `${JSON.stringify(line)}\n`).join('')
  const answer = await conversation(program(), input)
  if (values.json) await write(JSON.stringify(answer, undefined, 2))
  else {
    // Neither a password nor a query is shown.
    const lines = [`store: ${answer.url ?? url.replace(/[?#].*/s, '').replace(/\/\/.*@/s, '//')}`]
    for (const { step, ms, note } of answer.steps ?? []) {
      lines.push(`${step}: ${ms.toFixed(1)} ms${note === undefined || note === null ? '' : ` (${note})`}`)
    }
    await write(lines.join('\n'))
  }
  const failure = answer.failure
  if (!failure) return OK
  const { complain } = require('./text.js')
  complain(new Error(failure.step === undefined ? failure.message : `${failure.step}: ${failure.error.message}`))
  return FAILED
}

/** Has the program answer `input`, and returns its greeting together with the answer to request 1. */
function conversation(path, input) {
  const { spawn } = require('node:child_process')
  return new Promise((resolve, reject) => {
    const child = spawn(path, ['serve'], { stdio: ['pipe', 'pipe', 'inherit'] })
    let text = ''
    let greeting = {}
    child.on('error', reject)
    child.on('close', () => resolve({ ...greeting, failure: { message: '`dev-bin-remote` ended without an answer' } }))
    child.stdin.on('error', () => {})
    child.stdin.write(input)
    child.stdout.on('data', (chunk) => {
      text += chunk
      const lines = text.split('\n')
      text = lines.pop()
      for (const line of lines.map((line) => JSON.parse(line))) {
        if (line.error) resolve({ ...greeting, failure: line.error })
        else if (line.id === 0) greeting = line.ok
        else if (line.ok) resolve({ ...greeting, ...line.ok })
        else continue
        if (line.id !== 0 || line.error) child.stdin.end()
      }
    })
  })
}

/** Makes a key: the private part in a new file, and the public part on stdout. */
function keygen(_, [file, ...more]) {
  if (file === undefined || more.length > 0) throw new UsageError('`keygen` takes the path of one new file')
  const { spawnSync } = require('node:child_process')
  const { status, error } = spawnSync(program(), ['keygen', file], { stdio: 'inherit' })
  if (error) throw error
  return status === 0 ? OK : FAILED
}

/** Builds a binary, if need be, and puts it into the store. */
async function publish(values) {
  const options = requestOf(values, 'remote publish')
  const binary = await getBinary(values, { ...options, remote: { mode: 'publish', publish: 'always' } })
  await write(values.json ? JSON.stringify(binary) : binary.path)
  return OK
}

module.exports = { remote }
