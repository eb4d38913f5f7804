'use strict'

// Turns the options of a command line into requests, as options of the public surface.

const { UsageError } = require('./arguments.js')

/** The switches without a value that are passed on to cargo under their own names. */
const CARGO_SWITCHES = ['locked', 'offline', 'frozen', 'all-features']

/** Returns the arguments for cargo. */
function cargoArguments(values) {
  const switches = CARGO_SWITCHES.filter((name) => values[name]).map((name) => `--${name}`)
  const config = values.config?.flatMap((value) => ['--config', absoluteIfFile(value)]) ?? []
  const unstable = values.unstable?.flatMap((flag) => ['-Z', flag]) ?? []
  const jobs = values.jobs === undefined ? [] : ['-j', values.jobs]
  return [...switches, ...config, ...unstable, ...jobs]
}

/** Returns the path of a file of configuration as cargo finds it in the workspace. Any other value is `KEY=VALUE`. */
function absoluteIfFile(value) {
  const { existsSync } = require('node:fs')
  return existsSync(value) ? require('node:path').resolve(value) : value
}

/** Returns the crate and name of each binary: several of one crate, one of each of several crates, or pairs of both. */
function namesOf({ crate: crates = [undefined], bin: bins = [] }) {
  if (bins.length === 0) return crates.map((crate) => ({ crate }))
  if (crates.length === 1) return bins.map((bin) => ({ crate: crates[0], bin }))
  if (crates.length === bins.length) return crates.map((crate, index) => ({ crate, bin: bins[index] }))
  throw new UsageError('with several crates, each takes one `--bin`, or none does')
}

/** Returns the request of each binary, as options of the public surface. */
function requestsOf(values) {
  const { repo, crate } = values.repo === undefined ? require('./checkout.js').around(values.crate) : values
  const wanted = namesOf({ ...values, crate })
  if (values.out !== undefined && wanted.length > 1) throw new UsageError('`--out` is a path for one binary alone')
  return wanted.map((names) => ({ ...names, repo, ...optionsOf(values) }))
}

/** Returns the request of a command that takes one binary. */
function requestOf(values, command) {
  const [first, ...more] = requestsOf(values)
  if (more.length > 0) throw new UsageError(`\`${command}\` takes one binary`)
  return first
}

/** Returns the options that all binaries of a command line share. */
function optionsOf(values) {
  return {
    kind: values.kind,
    with: values.with,
    target: values.target,
    features: values.features?.flatMap((features) => features.split(/[,\s]/)).filter((feature) => feature !== ''),
    noDefaultFeatures: values['no-default-features'],
    profile: values.profile,
    builder: values.builder,
    scope: values.scope,
    exclude: values.exclude,
    observe: values.observe,
    remote: values['no-remote'] ? { mode: 'off' } : undefined,
    cargoArgs: cargoArguments(values),
    out: values.out,
    rebuild: values.rebuild,
    nice: values.nice === undefined ? undefined : nicenessOf(values.nice),
    cacheDir: values['cache-dir'],
  }
}

/** Returns a niceness as a number. The public surface checks its range. */
function nicenessOf(text) {
  if (/^\d+$/.test(text)) return Number(text)
  throw new UsageError(`\`--nice\` takes a number from 0 to 19, and not \`${text}\``)
}

function reportOf(values) {
  return values.quiet === true ? 'silent' : 'auto'
}

/** Gives `error` a message without the compiler's errors, if the report has already written these to stderr. */
function shortenedError(error, values) {
  if (error.code === 'BUILD_FAILED' && values.quiet !== true) error.shortMessage = error.message.split('\n\n')[0]
  return error
}

/** Returns the binary that `options` ask for, as the report that `values` ask for tells of it. */
async function getBinary(values, options, onEvent) {
  const { getDevBinary } = require('..')
  try {
    return await getDevBinary({ ...options, report: reportOf(values), onEvent })
  } catch (error) {
    throw shortenedError(error, values)
  }
}

module.exports = { getBinary, reportOf, requestOf, requestsOf, shortenedError }
