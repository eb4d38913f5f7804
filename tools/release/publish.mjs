// `node tools/release/publish.mjs`: checks a release, and publishes it. .github/workflows/release.yml runs it.
// Publishes nothing unless all packages are there and pass the checks.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { commandLine, isMain } from '../scripts/arguments.mjs'
import { problemsOf } from './inspect.mjs'
import { packAll, publishAll } from './pack.mjs'
import { manifest, root, TARGETS } from './targets.mjs'

const USAGE = `usage: node tools/release/publish.mjs --addons DIR --tag TAG --notes FILE
  --addons DIR  the directory with the addons and programs of all targets
  --tag TAG     the tag of the release: v and the version
  --notes FILE  the file to write the changelog's section to`

const OPTIONS = { addons: { type: 'string' }, tag: { type: 'string' }, notes: { type: 'string' } }

/** Returns the addons and programs of all targets below `directory`, by name. Throws one error with all problems. */
export function complete(directory) {
  const found = readdirSync(directory, { recursive: true }).map((path) => join(directory, path))
  const problems = []
  const complete = new Map()
  const wanted = TARGETS.flatMap((target) => [target.addon, target.program].map((name) => ({ target, name })))
  for (const { target, name } of wanted) {
    const files = found.filter((path) => basename(path) === name)
    if (files.length === 1) {
      complete.set(name, files[0])
      problems.push(...problemsOf(target, files[0]).map((problem) => `${files[0]} ${problem}`))
    } else problems.push(`there are ${files.length} files \`${name}\`, and not one`)
  }
  const known = new Set(wanted.map(({ name }) => name))
  const isStranger = (name) => /\.node$|^dev-bin-remote\./.test(name) && !known.has(name)
  const strangers = found.filter((path) => isStranger(basename(path)))
  problems.push(...strangers.map((path) => `${path} is of no target`))
  if (problems.length > 0) throw new Error(problems.join('\n'))
  return complete
}

/**
 * Returns the changelog's section for `version`. Throws if it has no date, or if changes are still listed as
 * unreleased.
 */
export function notesOf(version, changelog) {
  const sections = changelog.split(/^## /m).slice(1)
  const bodyOf = (section) => section?.slice(section.indexOf('\n')).trim()
  const unreleased = sections.find((section) => /^\[?unreleased\b/i.test(section))
  if (bodyOf(unreleased)) throw new Error(`CHANGELOG.md still lists changes as unreleased, and this is ${version}`)
  const titles = [`${version} `, `[${version}] `]
  const [section, ...others] = sections.filter((section) => titles.some((title) => section.startsWith(title)))
  if (others.length > 0) throw new Error(`CHANGELOG.md has ${others.length + 1} sections for ${version}; make them one`)
  const body = bodyOf(section)
  if (!body) throw new Error(`CHANGELOG.md has no section for ${version}`)
  const [title] = section.split('\n')
  if (!/ - \d{4}-\d\d-\d\d$/.test(title)) throw new Error(`CHANGELOG.md has no date for ${version}: \`## ${title}\``)
  return `${body}\n`
}

/** Returns the versions below `directory`, except that of package.json, by where they stand. */
function versionsIn(directory) {
  const text = (name) => readFileSync(join(directory, name), 'utf8')
  const match = (name, pattern) => pattern.exec(text(name))?.[1]
  const npmLock = JSON.parse(text('package-lock.json'))
  const crates = ['openlock-dev-bin', 'openlock-dev-bin-addon', 'openlock-dev-bin-remote']
  return {
    'Cargo.toml': match('Cargo.toml', /^\[workspace\.package\]\nversion = "(.*)"$/m),
    'package-lock.json': npmLock.version,
    'package-lock.json (packages)': npmLock.packages[''].version,
    ...Object.fromEntries(
      crates.map((name) => [
        `Cargo.lock (${name})`,
        match('Cargo.lock', new RegExp(`^name = "${name}"\nversion = "(.*)"$`, 'm')),
      ]),
    ),
  }
}

/**
 * Throws if the tag and the manifests have different versions, or if package.json names another repository than
 * provenance will.
 */
export function assertConsistent(tag, repository, directory = root) {
  const { version } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  if (tag !== `v${version}`) throw new Error(`the tag is ${tag}, and package.json has version ${version}`)
  for (const [where, other] of Object.entries(versionsIn(directory))) {
    if (other !== version) throw new Error(`${where} has version ${other}, and package.json ${version}`)
  }
  if (repository !== undefined && manifest.repository.url !== `git+https://github.com/${repository}.git`) {
    throw new Error(`package.json names ${manifest.repository.url}, and this is ${repository}`)
  }
}

/** The first version of npm that knows trusted publishing. */
const TRUSTED_PUBLISHING = [11, 5, 1]

/** Throws if npm is too old for trusted publishing. npm itself would only say that no user is logged in. */
export function assertTrustedPublishing(version) {
  const parts = version.split('.').map(Number)
  const differing = TRUSTED_PUBLISHING.findIndex((part, index) => part !== parts[index])
  if (differing === -1 || parts[differing] > TRUSTED_PUBLISHING[differing]) return
  throw new Error(`npm is ${version}; trusted publishing takes ${TRUSTED_PUBLISHING.join('.')}`)
}

if (isMain(import.meta.url)) {
  const { values, usageError } = commandLine(USAGE, OPTIONS)
  for (const name of Object.keys(OPTIONS)) if (values[name] === undefined) usageError(`\`--${name}\` is missing`)
  assertConsistent(values.tag, process.env.GITHUB_REPOSITORY)
  assertTrustedPublishing(execFileSync('npm', ['--version'], { encoding: 'utf8' }).trim())
  const notes = notesOf(manifest.version, readFileSync(join(root, 'CHANGELOG.md'), 'utf8'))
  const files = complete(values.addons)
  const tarballs = join(mkdtempSync(join(tmpdir(), 'dev-bin-release-')), 'tarballs')
  mkdirSync(tarballs)
  const packages = packAll((_, name) => files.get(name), tarballs)
  for (const name of publishAll(packages)) console.log(`published ${name}@${manifest.version}`)
  writeFileSync(values.notes, notes)
}
