// Worktrees and clones share a binary unless it may depend on where its checkout lies.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { explain } from '../index.js'
import { onePackage, saying, World } from './crates.js'
import { PATIENCE_MS, plainEnvironment } from './support.js'

setDefaultTimeout(PATIENCE_MS)

for (const scope of ['crate', 'tree'] as const) {
  test(`scope ${scope}: worktrees and clones share a binary unless it may depend on where its checkout lies`, async () => {
    const world = new World(onePackage('app', { 'app/src/main.rs': saying('"nothing"') }))
    const worktree = join(world.directory, 'worktree')
    const clone = join(world.directory, 'clone')
    world.git('worktree', 'add', '--quiet', '--detach', worktree)
    world.git('clone', '--quiet', world.repo, clone)
    const first = await world.look({ scope })
    expect(first.outcome).toBe('built')
    for (const repo of [worktree, clone]) expect(await world.look({ scope, repo })).toMatchObject({ outcome: 'cached' })

    const source = saying('env!("CARGO_MANIFEST_DIR")')
    for (const repo of [world.repo, worktree, clone]) {
      writeFileSync(join(repo, 'app/src/main.rs'), source)
      const says = join(repo, 'app')
      expect(await world.look({ scope, repo })).toMatchObject({ outcome: 'built', facts: { says } })
      expect(await world.look({ scope, repo })).toMatchObject({ outcome: 'cached', facts: { says } })
    }
    // These get the path through the build script, which no dep-info shows. No part of the path is in the binary here.
    const script = `fn main() {
    let here = std::env::current_dir().unwrap();
    let name = here.parent().unwrap().file_name().unwrap();
    println!("cargo::rustc-env=LENGTH={}", name.len());
}
`
    for (const repo of [world.repo, worktree, clone]) {
      writeFileSync(join(repo, 'app/build.rs'), script)
      writeFileSync(join(repo, 'app/src/main.rs'), saying('env!("LENGTH")'))
      const says = `${basename(repo).length}`
      expect(await world.look({ scope, repo })).toMatchObject({ outcome: 'built', facts: { says } })
      expect(await world.look({ scope, repo })).toMatchObject({ outcome: 'cached', facts: { says } })
      const { boundBy } = await explain(world.options({ crate: 'app', scope, repo, env: plainEnvironment(world.env) }))
      expect(boundBy).toEqual(['the build script of `app` can tell where it runs'])
    }
  })
}
