// The checks of a release. The rehearsal (`npm run release:rehearse`) tests the rest.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { flagsOf } from '../tools/release/build.mjs'
import { highestGlibc, problemsOf } from '../tools/release/inspect.mjs'
import { licencesOf } from '../tools/release/licences.mjs'
import { tagFor, theOne } from '../tools/release/pack.mjs'
import { assertConsistent, assertTrustedPublishing, complete, notesOf } from '../tools/release/publish.mjs'
import { stageRoot } from '../tools/release/stage.mjs'
import { hostTarget, manifest, remotePackage, TARGETS, targetOf } from '../tools/release/targets.mjs'
import { napiBuild } from '../tools/scripts/build.mjs'
import { addonDirectory } from '../tools/scripts/setup.mjs'
import { PATIENCE_MS, root, temporaryDirectory } from './support.js'

setDefaultTimeout(PATIENCE_MS)

const host = hostTarget()
const built = join(addonDirectory, host.addon)

/** Returns a file with the headers of an addon for `triple`, and with `text` somewhere in it. */
function addonFor(triple: string, text = ''): Buffer {
  const [cpu, , system] = triple.split('-')
  const bytes = Buffer.alloc(256)
  if (system === 'darwin') {
    bytes.writeUInt32LE(0xfeedfacf, 0)
    bytes.writeUInt32LE(cpu === 'x86_64' ? 0x01000007 : 0x0100000c, 4)
  } else if (system === 'windows') {
    bytes.write('MZ', 0)
    bytes.writeUInt32LE(128, 60)
    bytes.write('PE\0\0', 128)
    bytes.writeUInt16LE(cpu === 'x86_64' ? 0x8664 : 0xaa64, 132)
  } else {
    bytes.write('\x7fELF', 0)
    bytes.writeUInt16LE(cpu === 'x86_64' ? 0x3e : 0xb7, 18)
  }
  const glibc = triple.endsWith('-gnu') ? '\0GLIBC_2.2.5\0GLIBC_2.17\0GLIBC_2.9\0' : ''
  return Buffer.concat([bytes, Buffer.from(`${glibc}${text}\0`)])
}

function problems(triple: string, content: Buffer): string[] {
  const file = join(temporaryDirectory(), 'addon.node')
  writeFileSync(file, content)
  return problemsOf(targetOf(triple), file)
}

/**
 * Makes a directory with the files of a release: for each target an addon and a program, as artifacts are downloaded.
 */
function release(): string {
  const directory = temporaryDirectory()
  for (const { triple, addon, program } of TARGETS) {
    mkdirSync(join(directory, triple))
    for (const name of [addon, program]) writeFileSync(join(directory, triple, name), addonFor(triple))
  }
  return directory
}

describe('an addon', () => {
  for (const { triple } of TARGETS) {
    test(`for ${triple} is known by its headers`, () => {
      expect(problems(triple, addonFor(triple))).toEqual([])
      const others = TARGETS.filter((other) => problems(triple, addonFor(other.triple)).length === 0)
      expect(others.map((other) => other.triple)).toEqual([triple])
    })
  }

  test('of `npm run build` contains the path of this machine, and is not published', () => {
    expect(problemsOf(host, built).join('\n')).toContain('holds a path of the machine that built it')
  })

  test('may contain no path of the machine that built it', () => {
    const triple = 'x86_64-unknown-linux-gnu'
    for (const path of ['/home/runner/work/a.rs', '/Users/runner/a.rs', 'D:\\a\\dev-bin\\a.rs', '/root/.cargo/a.rs']) {
      expect(problems(triple, addonFor(triple, path)).join()).toContain('holds a path')
    }
    expect(problems(triple, addonFor(triple, 'cargo/registry/src/a.rs /rustc/0123/library/core/src/a.rs'))).toEqual([])
  })

  test('may need no later glibc than the oldest supported one', () => {
    const triple = 'aarch64-unknown-linux-gnu'
    expect(problems(triple, addonFor(triple, 'GLIBC_2.18'))).toEqual(['needs glibc 2.18, and must run on 2.17'])
    expect(highestGlibc('\0GLIBC_2.9\0GLIBC_2.17\0GLIBC_2.2.5\0')).toBe('2.17')
  })

  test('may not be larger than is promised', () => {
    const large = (triple: string, mebibytes: number) =>
      problems(triple, Buffer.concat([addonFor(triple), Buffer.alloc(mebibytes * 1024 * 1024)])).join()
    expect(large('x86_64-unknown-linux-gnu', 4.5)).toContain('more than 4718592')
    for (const { triple } of TARGETS.filter((target) => target.triple !== 'x86_64-unknown-linux-gnu')) {
      expect(large(triple, 4)).toBe('')
      expect(large(triple, 5)).toContain('more than 5242880')
    }
  })

  test.if(process.platform === 'linux')('is recognized by the numbers in its headers', () => {
    const flaws = problemsOf(host, built).filter((problem: string) => problem.startsWith('is built for'))
    expect(flaws).toEqual([])
  })
})

test("a program for a team's store may be larger than an addon, and is inspected like one otherwise", () => {
  const directory = temporaryDirectory()
  const problemsWith = (mebibytes: number, text = '') => {
    const file = join(directory, host.program)
    writeFileSync(file, Buffer.concat([addonFor(host.triple, text), Buffer.alloc(mebibytes * 1024 * 1024)]))
    return problemsOf(host, file).join()
  }
  expect(problemsWith(13)).toBe('')
  expect(problemsWith(14)).toContain('more than 14680064')
  expect(problemsWith(0, '/home/runner/work/a.rs')).toContain('holds a path')
})

describe('a build', () => {
  test('that writes no types fails, even if old ones are there', () => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'binding.d.ts'), 'of another build')
    // `--help` succeeds, and writes nothing.
    expect(() => napiBuild(directory, ['--help'], { quiet: true })).toThrow('the build has not written')
    expect(existsSync(join(directory, 'binding.d.ts'))).toBe(false)
  })

  test('for macOS gives the library a name, or it would contain the path of the machine that links it', () => {
    for (const target of TARGETS) {
      const names = flagsOf(target).filter((flag: string) => flag.includes('-install_name'))
      const expected = `-Clink-arg=-Wl,-install_name,@rpath/${target.addon}`
      expect(names).toEqual(target.os === 'darwin' ? [expected] : [])
    }
  })
})

describe('a release', () => {
  test('is no side effect of an import, nor of a wrong command line', () => {
    const publish = join(root, 'tools', 'release', 'publish.mjs')
    const program = `import(${JSON.stringify(pathToFileURL(publish).href)}).then(() => console.log('imported'))`
    expect(execFileSync('node', ['-e', program], { encoding: 'utf8' })).toBe('imported\n')
    const { status, stderr } = spawnSync('node', [publish], { encoding: 'utf8' })
    expect(status).toBe(2)
    expect(stderr).toStartWith('error: `--addons` is missing\n\nusage: ')
  })

  test('is complete with one addon and one program for each target', () => {
    const names = TARGETS.flatMap(({ addon, program }) => [addon, program])
    expect(new Set(names).size).toBe(16)
    expect([...complete(release()).keys()]).toEqual(names)
  })

  test('is stopped by a file that is missing, double, for another platform or of no target, and the error names each', () => {
    const directory = release()
    const [missing, twice, wrong] = TARGETS
    if (!missing || !twice || !wrong) throw new Error('there are eight targets')
    rmSync(join(directory, missing.triple, missing.addon))
    rmSync(join(directory, missing.triple, missing.program))
    copyFileSync(join(directory, twice.triple, twice.addon), join(directory, twice.addon))
    writeFileSync(join(directory, wrong.triple, wrong.addon), addonFor('x86_64-pc-windows-msvc'))
    writeFileSync(join(directory, 'dev-bin.sunos-x64.node'), '')
    writeFileSync(join(directory, 'dev-bin-remote.sunos-x64'), '')
    let message = ''
    try {
      complete(directory)
    } catch (error) {
      message = (error as Error).message
    }
    expect(message).toContain(`there are 0 files \`${missing.addon}\``)
    expect(message).toContain(`there are 0 files \`${missing.program}\``)
    expect(message).toContain(`there are 2 files \`${twice.addon}\``)
    expect(message).toContain('is built for win32-x64, not for linux-arm64')
    expect(message).toContain('dev-bin.sunos-x64.node is of no target')
    expect(message).toContain('dev-bin-remote.sunos-x64 is of no target')
  })

  test('has the tag, the version and the repository that its manifests have', () => {
    const tag = `v${manifest.version}`
    const repository = manifest.repository.url.slice('git+https://github.com/'.length, -'.git'.length)
    expect(() => assertConsistent(tag, repository)).not.toThrow()
    expect(() => assertConsistent('v999.0.0', repository)).toThrow('package.json has version')
    expect(() => assertConsistent(tag, 'another/fork')).toThrow('this is another/fork')
  })

  test('has one version, wherever it stands', () => {
    const tag = `v${manifest.version}`
    const files = ['package.json', 'package-lock.json', 'Cargo.toml', 'Cargo.lock']
    const crate = (name: string) => `name = "${name}"\nversion = "${manifest.version}"`
    const places = [
      ['package-lock.json', `"version": "${manifest.version}",\n  "lockfileVersion"`],
      ['package-lock.json', `"version": "${manifest.version}",\n      "license": "Apache-2.0",\n      "bin"`],
      ['Cargo.toml', `[workspace.package]\nversion = "${manifest.version}"`],
      ['Cargo.lock', crate('openlock-dev-bin')],
      ['Cargo.lock', crate('openlock-dev-bin-addon')],
      ['Cargo.lock', crate('openlock-dev-bin-remote')],
    ] as const
    for (const [file, place] of places) {
      const directory = temporaryDirectory()
      for (const name of files) copyFileSync(join(root, name), join(directory, name))
      expect(() => assertConsistent(tag, undefined, directory)).not.toThrow()
      const text = readFileSync(join(directory, file), 'utf8')
      expect(text.split(place).length, place).toBe(2)
      writeFileSync(join(directory, file), text.replace(place, place.replace(manifest.version, '9.9.9')))
      expect(() => assertConsistent(tag, undefined, directory)).toThrow('has version 9.9.9')
    }
    for (const member of ['addon', 'remote']) {
      expect(readFileSync(join(root, member, 'Cargo.toml'), 'utf8')).toContain('\nversion.workspace = true\n')
    }
  })

  test('takes an npm that knows trusted publishing', () => {
    for (const old of ['10.9.3', '11.4.9', '11.5.0']) expect(() => assertTrustedPublishing(old)).toThrow(old)
    for (const known of ['11.5.1', '11.5.2', '11.19.1', '12.0.0']) assertTrustedPublishing(known)
  })

  test('reads the answer about a package in the form of each npm', () => {
    const packed = { filename: 'openlock-dev-bin-1.2.3.tgz' }
    for (const answer of [[packed], { '@openlock/dev-bin': packed }]) expect(theOne(answer)).toEqual(packed)
    for (const answer of ['sha512-abc', ['sha512-abc']]) expect(theOne(answer)).toBe('sha512-abc')
    for (const answer of [[], [packed, packed], {}])
      expect(() => theOne(answer)).toThrow('npm is asked about one package')
  })

  test('is not made by `npm publish` in the clone', () => {
    const publish = spawnSync('npm', ['publish', '--dry-run', '--provenance=false', '--registry=http://127.0.0.1:9/'], {
      cwd: root,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    })
    expect(publish.status).not.toBe(0)
    expect(publish.stderr).toContain('error: the clone is not what is published')
    expect(publish.stderr).toContain('tools/release/publish.mjs')
    const { scripts } = JSON.parse(readFileSync(join(stageRoot(temporaryDirectory()), 'package.json'), 'utf8'))
    expect(scripts).toBeUndefined()
  })

  test('of all platforms reaches the job that publishes: addons and programs', () => {
    const workflow = readFileSync(join(root, '.github', 'workflows', 'release.yml'), 'utf8')
    const uploaded = /^ +path: \|\n((?: +addons\/.*\n)+)/m.exec(workflow)?.[1]?.trim().split(/\s+/) ?? []
    const globs = uploaded.map((pattern) => new Bun.Glob(pattern))
    for (const name of TARGETS.flatMap(({ addon, program }) => [addon, program])) {
      expect(globs.filter((glob) => glob.match(`addons/${name}`)).length, name).toBe(1)
    }
  })

  test('has every module of lib/', () => {
    const modules = readdirSync(join(root, 'lib')).filter((name) => name.endsWith('.js'))
    expect(manifest.files).toEqual(expect.arrayContaining(modules.map((name) => `lib/${name}`)))
  })

  test('is the latest when no later one is, and a trial never', () => {
    for (const latest of [undefined, '0.0.0', '1.1.9', '1.2.2', '1.2.3']) expect(tagFor('1.2.3', latest)).toBe('latest')
    for (const latest of ['1.2.4', '1.10.0', '2.0.0']) expect(tagFor('1.2.3', latest)).toBe('latest-1.2')
    for (const latest of [undefined, '1.0.0', '3.0.0']) expect(tagFor('2.0.0-rc.1', latest)).toBe('next')
  })

  test.if(process.platform !== 'win32')('on GitHub is marked as its version is', () => {
    const workflow = readFileSync(join(root, '.github', 'workflows', 'release.yml'), 'utf8')
    const lastStep = workflow.slice(workflow.lastIndexOf('- name: '))
    const script = /^ +run: \|\n(.*)$/ms.exec(lastStep)?.[1] ?? ''
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'gh'), '#!/bin/sh\necho "$@"\n', { mode: 0o755 })
    const env = { ...process.env, PATH: `${directory}:${process.env.PATH}` }
    const called = (GITHUB_REF_NAME: string) =>
      execFileSync('bash', ['-euc', script], { encoding: 'utf8', env: { ...env, GITHUB_REF_NAME } }).trim()
    const create = (tag: string) => `release create ${tag} --verify-tag --title ${tag} --notes-file notes.md`
    expect(called('v1.2.3')).toBe(create('v1.2.3'))
    expect(called('v1.2.3-rc.1')).toBe(`${create('v1.2.3-rc.1')} --prerelease`)
  })

  test('has its section of the changelog as notes', () => {
    const changelog =
      '# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-11-22\n\n### Added\n\n- This\n\n## 1.1.0 - 2026-01-01\n\n- Before\n'
    expect(notesOf('1.2.0', changelog)).toBe('### Added\n\n- This\n')
    expect(notesOf('1.1.0', changelog)).toBe('- Before\n')
    expect(() => notesOf('1.2', changelog)).toThrow('no section for 1.2')
    expect(() => notesOf('Unreleased', changelog)).toThrow('no section for Unreleased')
    expect(() => notesOf('1.2.0', changelog.replace('2026-11-22', 'unreleased'))).toThrow('no date for 1.2.0')
    const twice = `${changelog}\n## 1.2.0 - 2026-01-01\n\n- Also this\n`
    expect(() => notesOf('1.2.0', twice)).toThrow('CHANGELOG.md has 2 sections for 1.2.0; make them one')
    const later = changelog.replace('## [Unreleased]\n', '## [Unreleased]\n\n- Later\n')
    expect(() => notesOf('1.2.0', later)).toThrow('still lists changes as unreleased')
  })

  test('has notes once the unreleased section has its heading, as docs/releasing.md says', () => {
    const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8')
    const titles = [...changelog.matchAll(/^## (.*)$/gm)].map(([, title]) => title)
    expect(new Set(titles).size).toBe(titles.length)
    if (!changelog.includes('## [Unreleased]\n')) return
    const renamed = changelog.replace('## [Unreleased]', '## [999.0.0] - 2026-12-24')
    expect(notesOf('999.0.0', renamed)).not.toContain('\n## ')
    // A blank line between two items would make two lists of them.
    expect(changelog).not.toMatch(/^(- | {2}).*\n\n- /m)
  })

  test('has packages for the same platforms wherever they are named', () => {
    expect(TARGETS.map(({ triple }) => triple).sort()).toEqual([...manifest.napi.targets].sort())
    const text = (file: string) => readFileSync(join(root, file), 'utf8')
    const [loader, failure, reference, deny, workflow] = [
      'lib/load.js',
      'lib/load-failure.js',
      'docs/reference.md',
      'deny.toml',
      '.github/workflows/release.yml',
    ].map(text)
    for (const target of TARGETS) {
      expect(loader).toContain(`require('./${target.addon}')`)
      expect(loader).toContain(`require('${target.package}')`)
      expect(failure).toContain(`'${target.platform}'`)
      expect(reference).toContain(`\`${target.package}\``)
      expect(deny).toContain(`"${target.triple}"`)
      expect(target.remotePackage).toBe(target.package.replace(manifest.name, remotePackage))
      expect(workflow?.split(`target: ${target.triple},`).length).toBeGreaterThanOrEqual(3)
    }
  })
})

test('Node and Bun are asked for in the versions that CI runs', () => {
  const ci = readFileSync(join(root, '.github', 'workflows', 'ci.yml'), 'utf8')
  const majors = /^ +node: \[(.*)\]$/m.exec(ci)?.[1]?.split(', ')
  expect(manifest.engines.node).toBe(majors?.map((major) => `^${major}`).join(' || '))
  const oldest = /\bbun@(\d+\.\d+)\.0\b/.exec(ci)?.[1]
  expect(manifest.engines.bun).toBe(`~${oldest}`)
  expect(manifest.devDependencies.bun).toStartWith(`${oldest}.`)
})

// The toolchain has the compiled crates of the standard library. The first list has crates that only tests and macros
// link, the second one parts of the library itself.
test("the licences include the crates of Rust's standard library", () => {
  const unlinked = ['getopts', 'proc_macro', 'profiler_builtins', 'rustc_literal_escaper', 'test', 'sysroot']
  const own = ['alloc', 'core', 'panic_abort', 'panic_unwind', 'std', 'std_detect', 'unwind']
  const libraries = execFileSync('rustc', ['--print', 'target-libdir'], { encoding: 'utf8' }).trim()
  const crates = readdirSync(libraries)
    .map((file) => /^lib(\w+)-[0-9a-f]+\.rlib$/.exec(file)?.[1])
    .filter((name) => name !== undefined && !name.startsWith('rustc_std_workspace_'))
    .filter((name) => ![...unlinked, ...own].includes(name ?? ''))
  const listed = [...licencesOf(host.triple).matchAll(/^- ([\w-]+), through Rust's standard library/gm)]
  const names = listed.map(([, name]) => name?.replaceAll('-', '_'))
  expect(crates.length).toBeGreaterThan(0)
  expect(crates.filter((name) => !names.includes(name))).toEqual([])
})

test('the licences of the program are those of what is linked into it, and not those of the addon', () => {
  const licences = licencesOf(host.triple, 'program')
  const listed = licences.split('\n').filter((line: string) => line.startsWith('- '))
  const names = listed.map((line: string) => line.split(' ')[1])
  for (const name of ['opendal', 'ring', 'rustls', 'zstd-sys']) expect(names).toContain(name)
  for (const name of ['gix', 'napi', 'syn', 'openlock-dev-bin-remote']) expect(names).not.toContain(name)
  for (const author of ['fiat-crypto authors', 'Meta Platforms']) expect(licences).toContain(author)
})

test('the licences are those of linked crates, and of none that only builds them', () => {
  const licences = licencesOf(host.triple)
  const listed = licences.split('\n').filter((line) => line.startsWith('- '))
  const names = listed.map((line) => line.split(' ')[1])
  expect(names).toContain('gix')
  expect(names).toContain('napi')
  for (const name of ['syn', 'napi-build', 'proptest', 'openlock-dev-bin']) expect(names).not.toContain(name)
  expect(listed.at(-1)).toBe("- Rust's standard library (MIT OR Apache-2.0)")
  expect(licences, 'in a directory of faster-hex').toContain('Copyright (c) 2017 Zach Bjornson')
  for (const line of listed) expect(licences.split(line.slice(2)).length, line).toBeGreaterThan(2)
})
