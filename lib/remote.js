'use strict'

// The settings of a team's store: what the option `remote` says, and else the variables.
//
// Promises: without a URL, or with the mode `off`, there is no store, and this file is not even loaded.
// Does not promise: that the settings make sense, or that the program is installed. The addon says what is missing.

const { existsSync } = require('node:fs')
const { createRequire } = require('node:module')
const { join, resolve } = require('node:path')
const { DevBinaryError } = require('./error.js')
const { isCompiled } = require('./load-failure.js')

const PACKAGE = '@openlock/dev-bin-remote'
const INSTALL = `npm install --save-optional ${PACKAGE}`
/** The command for a compiled program, which has no packages. */
const NAME_IT =
  process.platform === 'win32'
    ? 'set DEV_BIN_REMOTE_PROGRAM=C:\\path\\to\\dev-bin-remote.exe'
    : 'export DEV_BIN_REMOTE_PROGRAM=/path/to/dev-bin-remote'

/** The program of the installed package, once it is found: a hit is to cost no more for it. */
let installed

const isString = (value) => typeof value === 'string'
const isStringArray = (value) => Array.isArray(value) && value.every(isString)

/** The fields of the option, by name: the check of a value, and the words for it in a message. */
const FIELDS = {
  url: [isString, 'a string'],
  keys: [isStringArray, 'an array of strings'],
  mode: [isString, "'off', 'read' or 'publish'"],
  signingKeyFile: [(value) => isString(value) || isStringArray(value), 'a path, or an array of paths'],
  timeout: [(value) => typeof value === 'number', 'a number of milliseconds'],
  publish: [isString, "'later' or 'wait'"],
}

/** Throws if a field of the option does not exist or has another type. */
function checkFields(option) {
  for (const [name, value] of Object.entries(option)) {
    if (value === undefined) continue
    if (!Object.hasOwn(FIELDS, name)) {
      const there = Object.keys(FIELDS).join(', ')
      throw new DevBinaryError(
        'INVALID_OPTION',
        `invalid option \`remote\`: there is no \`${name}\` in it; there are ${there}`,
      )
    }
    const [isValid, expected] = FIELDS[name]
    if (!isValid(value)) {
      throw new DevBinaryError('INVALID_OPTION', `invalid option \`remote\`: \`${name}\` is not ${expected}`)
    }
  }
}

/** Returns the parts of a list that is separated by commas or white space. */
const parts = (text) => text?.split(/[\s,]+/).filter((part) => part !== '')

/** Returns the settings for the addon; none if there is no store, or it is not to be used. */
function remoteSettings(option = {}, env) {
  checkFields(option)
  const variable = (name) => env[`DEV_BIN_REMOTE_${name}`] || undefined
  const url = option.url ?? variable('URL')
  const mode = option.mode ?? variable('MODE')
  if (!url || mode === 'off') return undefined
  const signingKeyFiles = [option.signingKeyFile ?? parts(variable('SIGNING_KEY_FILE')) ?? []].flat()
  return {
    url,
    keys: option.keys ?? parts(variable('KEYS')) ?? [],
    mode,
    signingKeyFiles: signingKeyFiles.map((file) => resolve(file)),
    timeout: option.timeout,
    publish: option.publish,
    program: programPath(env),
    install: isCompiled() ? NAME_IT : INSTALL,
  }
}

/**
 * Returns the path of the program that speaks to stores: the one that a variable names, the one of an installed
 * package, or, in this repository, the one that was built last. None if there is none.
 */
function programPath(env) {
  const named = env.DEV_BIN_REMOTE_PROGRAM
  if (named) return resolve(named)
  const name = process.platform === 'win32' ? 'dev-bin-remote.exe' : 'dev-bin-remote'
  // The path at which a compiled program was compiled may be anybody's on the machine where it runs.
  if (isCompiled()) return undefined
  installed ??= installedProgram(name)
  if (installed !== undefined || __dirname.includes('node_modules')) return installed
  const built = ['release', 'debug'].map((profile) => join(__dirname, '..', 'target', profile, name))
  return built.find((path) => existsSync(path))
}

/**
 * Returns the path of the program in the package of this platform; none if that is not installed. Package managers may put
 * that package where only the package above it finds it.
 */
function installedProgram(name) {
  // Not `require.resolve`: what compiles this file would look for the packages itself.
  let above = createRequire(__filename)
  try {
    above = createRequire(above.resolve(`${PACKAGE}/package.json`))
  } catch {}
  for (const abi of abis()) {
    try {
      return above.resolve(`${PACKAGE}-${process.platform}-${process.arch}${abi}/${name}`)
    } catch {}
  }
  return undefined
}

/** Returns the ends of the names of the packages whose program runs here. The one for musl needs no libc. */
function abis() {
  if (process.platform === 'win32') return ['-msvc']
  if (process.platform !== 'linux') return ['']
  const { ownLibc } = require('./load.js')
  return ownLibc() === 'musl' ? ['-musl'] : ['-gnu', '-musl']
}

module.exports = { INSTALL, remoteSettings, programPath }
