// Parses the command lines of the scripts. `--help` goes to stdout with status 0, and a mistake to stderr with status
// 2.

import { existsSync, realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** Returns a script's options by name, and the function that ends the script because of a wrong one. */
export function commandLine(usage, options) {
  const usageError = (problem) => {
    console.error(`error: ${problem}\n\n${usage}`)
    process.exit(2)
  }
  try {
    const { values } = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } }, strict: true })
    const { help, ...rest } = values
    if (help) {
      console.log(usage)
      process.exit(0)
    }
    return { values: rest, usageError }
  } catch (error) {
    return usageError(error.message)
  }
}

/**
 * Returns whether the module at `url` is the program that was started, by any path, and not a module that another one
 * imports.
 */
export function isMain(url) {
  const [, program] = process.argv
  return program !== undefined && existsSync(program) && realpathSync(program) === fileURLToPath(url)
}
