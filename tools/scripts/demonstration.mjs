// Shows the main job on a small cargo workspace in a git repository: builds, hits, edits and reverts. All files are
// temporary.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** Two crates, one a path dependency of the other, with a build script that reads a file outside both. */
const WORKSPACE = {
  'Cargo.toml': '[workspace]\nmembers = ["greeter", "wire"]\nresolver = "3"\n',
  'proto/greeting.proto': 'message Greeting { string text = 1; }\n',
  'wire/Cargo.toml': '[package]\nname = "wire"\nversion = "0.1.0"\nedition = "2024"\n',
  'wire/build.rs': `fn main() {
    println!("cargo::rerun-if-changed=../proto");
    let schema = std::fs::read_to_string("../proto/greeting.proto").expect("the schema is in the checkout");
    println!("cargo::rustc-env=SCHEMA={}", schema.trim());
}
`,
  'wire/src/lib.rs': 'pub const SCHEMA: &str = env!("SCHEMA");\n',
  'greeter/Cargo.toml':
    '[package]\nname = "greeter"\nversion = "0.1.0"\nedition = "2024"\n\n[dependencies]\nwire.path = "../wire"\n',
  'greeter/src/main.rs': 'fn main() {\n    println!("hello over {}", wire::SCHEMA);\n}\n',
  '.gitignore': '/target\n',
}

/** Makes the workspace in `repo`, as a git repository with one commit. */
export function makeWorkspace(repo) {
  for (const [path, text] of Object.entries(WORKSPACE)) write(join(repo, path), text)
  const git = (...args) => execFileSync('git', ['-C', repo, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
  execFileSync('cargo', ['generate-lockfile', '--offline', '--quiet'], { cwd: repo, stdio: 'inherit' })
  git('init', '--quiet')
  git('add', '.')
  git('-c', 'user.name=dev-bin', '-c', 'user.email=dev-bin@localhost', 'commit', '--quiet', '--message', 'start')
}

export async function demonstrate() {
  const directory = mkdtempSync(join(tmpdir(), 'dev-bin-demonstration-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  const repo = join(directory, 'checkout')
  const cacheDir = join(directory, 'cache')
  makeWorkspace(repo)

  const { getDevBinary } = createRequire(import.meta.url)('../../index.js')
  const step = async (what) => {
    console.log(`\n# ${what}`)
    const binary = await getDevBinary({ repo, cacheDir, crate: 'greeter' })
    const output = execFileSync(binary.path, { encoding: 'utf8' }).trim()
    console.log(`${binary.outcome} in ${binary.elapsedMs.toFixed(1)} ms; it prints: ${output}`)
  }
  const schema = join(repo, 'proto', 'greeting.proto')
  const before = readFileSync(schema, 'utf8')

  await step('Nothing is built yet')
  await step('Nothing has changed')
  write(schema, 'message Greeting { string text = 1; bool loud = 2; }\n')
  await step('proto/greeting.proto has another field')
  write(schema, before)
  await step('The edit is reverted')
}

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
