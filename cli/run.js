'use strict'

// `dev-bin run`: has a binary take the place of this process.

const { UsageError } = require('./arguments.js')
const { runInPlace } = require('./replace.js')
const { getBinary, requestOf } = require('./request.js')

async function run({ values, rest }) {
  const options = requestOf(values, 'run')
  if (options.kind === 'cdylib' || options.kind === 'staticlib') throw new UsageError('a library cannot be run')
  if (values.watch) return require('./run-watch.js').runWatched(values, options, rest)
  if (values.grace !== undefined) throw new UsageError('`--grace` is an option of `--watch`')
  return runInPlace(async () => (await getBinary(values, options)).path, rest)
}

module.exports = { run }
