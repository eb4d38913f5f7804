// Sets the programs that a test's children find.

import { execFileSync } from 'node:child_process'
import { symlinkSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { temporaryDirectory } from './support.js'

/** The triple of this machine, as rustc names it. */
export const HOST = /^host: (.*)$/m.exec(execFileSync('rustc', ['-vV'], { encoding: 'utf8' }))?.[1] as string

/** The programs that cargo needs to build a small program without dependencies. */
const TOOLCHAIN = ['rustup', 'cargo', 'rustc', 'cc', 'gcc', 'clang', 'ld', 'ar', 'as', 'sh']

/** A PATH on which `hidden` cannot be found, and everything else that a build needs can. */
export function pathWithout(...hidden: string[]): string {
  const holds = (directory: string, program: string) => Bun.which(program, { PATH: directory }) !== null
  const directories = (process.env.PATH ?? '').split(delimiter).filter((directory) => directory !== '')
  const rest = directories.filter((directory) => !hidden.some((program) => holds(directory, program)))
  const links = temporaryDirectory()
  for (const program of TOOLCHAIN.filter((program) => !hidden.includes(program))) {
    const found = Bun.which(program)
    if (found !== null && !holds(rest.join(delimiter), program)) symlinkSync(found, join(links, basename(found)))
  }
  return [links, ...rest].join(delimiter)
}

/** The variables that name Rust's directories, for children with another home directory. */
export const RUST_HOMES = {
  CARGO_HOME: process.env.CARGO_HOME || join(homedir(), '.cargo'),
  RUSTUP_HOME: process.env.RUSTUP_HOME || join(homedir(), '.rustup'),
}
