// What the scripts do with their command lines: `--help` to stdout and 0, a mistake to stderr and 2.

import { existsSync, realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** A script's arguments by name, and the function that ends it over one of them. */
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

/** Whether the module at `url` is the program that was started, by whatever path, and not one that another imports. */
export function isMain(url) {
  const [, program] = process.argv
  return program !== undefined && existsSync(program) && realpathSync(program) === fileURLToPath(url)
}
