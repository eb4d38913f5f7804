// Workspaces of several packages, which the command line runs in the profile `dev`.

import { package_, printing } from './oracle.js'
import { Checkout, lockFile } from './support.js'

export const environment = (checkout: Checkout) => checkout.environment({ DEV_BIN_CACHE_DIR: checkout.cacheDir })
export const run = (...arguments_: string[]) => ['run', '--quiet', '--profile', 'dev', ...arguments_]

/**
 * Makes a workspace without a package at its root. Each package has a name, more lines for its manifest, and its files.
 */
export function workspace(
  packages: Record<string, [rest: string, files: Record<string, string>]>,
  root = '',
): Checkout {
  const names = Object.keys(packages)
  const files = Object.entries(packages).flatMap(([name, [rest, files]]) => [
    [`${name}/Cargo.toml`, package_(name, rest)],
    ...Object.entries(files).map(([path, text]) => [`${name}/${path}`, text]),
  ])
  return new Checkout({
    '.gitignore': '/target\n',
    'Cargo.toml': `[workspace]\nmembers = ${JSON.stringify(names)}\nresolver = "2"\n${root}`,
    'Cargo.lock': lockFile(...names),
    ...Object.fromEntries(files),
  })
}
export const saying = (text: string) => printing(JSON.stringify(text))

/** A program that starts the binary `worker` beside it. */
export const STARTING = `fn main() {
    let worker = std::env::current_exe().unwrap().with_file_name("worker");
    let said = std::process::Command::new(worker).output().unwrap().stdout;
    print!("{}", String::from_utf8(said).unwrap());
}
`
