// Stages the packages as they are published, each in a directory of its own: one for each platform, and the root
// package, which depends on them at exactly its own version.
//
// The clone's package.json is not published as it is. It has no optional dependencies: a clone builds its addon, and
// packages that are not on the registry yet would make `npm ci` fail or its lock file wrong.

import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { licencesOf } from './licences.mjs'
import { manifest, root, TARGETS } from './targets.mjs'

/** The fields of package.json that only a clone needs. */
const DEVELOPMENT = ['allowScripts', 'devDependencies', 'overrides', 'scripts', 'napi']

/** Stages the package of `target` with its addon, and returns its directory. */
export function stagePlatform(target, addon, directory) {
  const { version, license, repository, publishConfig, homepage, bugs } = manifest
  const described = `The native addon of ${manifest.name} for ${target.platform}`
  const files = { [target.addon]: readFileSync(addon) }
  // No `engines`: if they do not match, pnpm leaves an optional package out, but only warns about the root package.
  files['package.json'] = json({
    name: target.package,
    version,
    description: described,
    license,
    repository,
    homepage,
    bugs,
    main: target.addon,
    files: [target.addon, 'THIRD-PARTY-LICENSES.txt'],
    os: [target.os],
    cpu: [target.cpu],
    ...(target.libc && { libc: [target.libc] }),
    publishConfig,
  })
  files['README.md'] = `# \`${target.package}\`

${described}: \`${target.triple}\`, ${target.needs}. It is installed with
[\`${manifest.name}\`](https://www.npmjs.com/package/${manifest.name}) where that needs it, and is of no use alone.

[LICENSE](LICENSE) is this package's licence. THIRD-PARTY-LICENSES.txt has those of the software that is linked into it.
`
  files['THIRD-PARTY-LICENSES.txt'] = licencesOf(target.triple)
  return staged(join(directory, target.platform), files)
}

/** Stages the root package, and returns its directory. */
export function stageRoot(directory) {
  const published = Object.entries(manifest).filter(([name]) => !DEVELOPMENT.includes(name))
  const files = {
    'package.json': json({
      ...Object.fromEntries(published),
      optionalDependencies: Object.fromEntries(TARGETS.map((target) => [target.package, manifest.version])),
    }),
    'README.md': readFileSync(join(root, 'README.md')),
  }
  return staged(join(directory, 'root'), files, manifest.files)
}

function staged(directory, files, listed = []) {
  rmSync(directory, { recursive: true, force: true })
  for (const [name, content] of Object.entries(files)) write(join(directory, name), content)
  for (const name of ['LICENSE', ...listed]) {
    if (name in files) continue
    cpSync(join(root, name), join(directory, name), { recursive: true })
  }
  return directory
}

function write(path, content) {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

const json = (value) => `${JSON.stringify(value, null, 2)}\n`
