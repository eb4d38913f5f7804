'use strict'

// The settings of a team's store: what the option `remote` says, and else the variables.
//
// Promises: without a URL, or with the mode `off`, there is no store, and this file is not even loaded.
// Does not promise: that the settings make sense, or that the program is installed. The addon says what is missing.

const { existsSync } = require('node:fs')
const { join, resolve } = require('node:path')
const { DevBinaryError } = require('./error.js')

const INSTALL = 'npm install --save-optional @openlock/dev-bin-remote'

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
    install: INSTALL,
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
  const platform = `${process.platform}-${process.arch}`
  const suffixes = { linux: ['-gnu', '-musl'], win32: ['-msvc'] }[process.platform] ?? ['']
  for (const suffix of suffixes) {
    try {
      return require.resolve(`@openlock/dev-bin-remote-${platform}${suffix}/${name}`)
    } catch {}
  }
  const built = ['release', 'debug'].map((profile) => join(__dirname, '..', 'target', profile, name))
  return built.find((path) => existsSync(path))
}

module.exports = { INSTALL, remoteSettings, programPath }
