// Build scripts that read without declaring it, and programs that they start.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { Compared, script } from './oracle.js'

/**
 * Returns a build script that declares another file, so that cargo does not run it again for the files that it reads.
 */
export const silent = (value: string) => script(value, 'rerun-if-changed=build.rs')
export const shell = (command: string) =>
  `String::from_utf8(std::process::Command::new("sh").args(["-c", ${JSON.stringify(command)}]).output().unwrap().stdout).unwrap().trim()`
export const listing = (directory: string) =>
  `{ let mut names: Vec<_> = std::fs::read_dir("${directory}").unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect(); names.sort(); names.join(",") }`
export const text = (path: string) => `std::fs::read_to_string("${path}").unwrap_or_default().trim()`

/** A package whose build script gives `value` to the program. */
export const giving = (value: string, files: Record<string, string> = {}) =>
  new Compared({ 'build.rs': silent(value), '.gitignore': '/target\n/data\n', 'data/one': '1', ...files })

/** The same with a program written in C as `$HELPER`, which the build script starts. */
export function helped(code: string, files: Record<string, string> = {}, ...flags: string[]): Compared {
  const world = giving(shell('"$HELPER"'), files)
  world.env = { HELPER: compiled(world, code, ...flags) }
  return world
}

export function compiled(world: Compared, code: string, ...flags: string[]): string {
  const program = join(world.directory, 'hiding')
  execFileSync('cc', ['-x', 'c', '-', '-o', program, '-w', ...flags], { input: code })
  return program
}
