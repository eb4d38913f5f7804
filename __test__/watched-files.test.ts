// Files that a build script watches: git's own, and those that are missing.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { onePackage, saying, World } from './crates.js'
import { PATIENCE_MS } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const WATCHING_GIT = onePackage('app', {
  'app/build.rs': `fn main() {
    println!("cargo::rerun-if-changed=../.git/HEAD");
    println!("cargo::rerun-if-changed=../.git/refs/tags");
    let tags = std::fs::read_dir("../.git/refs/tags").map_or(0, |tags| tags.count());
    let head = std::fs::read_to_string("../.git/HEAD").unwrap_or("linked".into());
    println!("cargo::rustc-env=GIT={}:{tags}", head.trim().rsplit('/').next().unwrap());
}
`,
  'app/src/main.rs': saying('env!("GIT")'),
})

test("git's own files count by content where a build script watches them", async () => {
  const world = new World(WATCHING_GIT)
  expect(await world.look()).toMatchObject({ outcome: 'built', facts: { says: 'main:0' } })
  world.commit('HEAD still names the branch')
  expect(await world.look()).toMatchObject({ outcome: 'cached' })
  world.git('tag', 'v1')
  expect(await world.look()).toMatchObject({ outcome: 'built', facts: { says: 'main:1' } })
  world.git('checkout', '--quiet', '-b', 'topic')
  expect(await world.look()).toMatchObject({ outcome: 'built', facts: { says: 'topic:1' } })
  world.git('checkout', '--quiet', 'main')
  expect(await world.look()).toMatchObject({ outcome: 'cached', facts: { says: 'main:1' } })
})

test('a watched file that does not exist, as in a linked worktree, does not make every call a build', async () => {
  const world = new World(WATCHING_GIT)
  const repo = join(world.directory, 'worktree')
  world.git('worktree', 'add', '--quiet', '-b', 'linked', repo)
  for (const scope of ['crate', 'tree'] as const) {
    expect(await world.look({ repo, scope })).toMatchObject({ outcome: 'built', facts: { says: 'linked:0' } })
    expect(await world.look({ repo, scope })).toMatchObject({ outcome: 'cached' })
  }
})

test('a missing file that a build script watches counts when it appears, and the build sees it', async () => {
  const script = `fn main() {
    println!("cargo::rerun-if-changed=../local/settings.txt");
    println!("cargo::rustc-env=SETTING={}", std::fs::read_to_string("../local/settings.txt").unwrap_or("none".into()));
}
`
  const files = {
    'app/build.rs': script,
    'app/src/main.rs': saying('env!("SETTING")'),
    '.gitignore': '/target\n/local\n',
  }
  const world = new World(onePackage('app', files))
  for (const scope of ['crate', 'tree'] as const) {
    expect(await world.look({ scope })).toMatchObject({ facts: { says: 'none' } })
    expect(await world.look({ scope })).toMatchObject({ outcome: 'cached' })
    world.write('local/settings.txt', 'loud')
    expect(await world.look({ scope })).toMatchObject({ outcome: 'built', facts: { says: 'loud' } })
    renameSync(join(world.repo, 'local'), join(world.directory, `local-${scope}`))
    mkdirSync(join(world.repo, 'local'))
    expect(await world.look({ scope })).toMatchObject({ outcome: 'cached', facts: { says: 'none' } })
  }
})
