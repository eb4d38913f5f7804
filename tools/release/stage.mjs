// Stages the packages as they are published, each in a directory of its own: two for each platform, one with the addon
// and one with the program for a team's store, and a package above each kind, which depends on its own at exactly its
// own version. The root package is the one above the addons.
//
// The clone's package.json is not published as it is. It has no optional dependencies: a clone builds its addon, and
// packages that are not on the registry yet would make `npm ci` fail or its lock file wrong.

import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { licencesOf } from './licences.mjs'
import { manifest, remotePackage, root, TARGETS } from './targets.mjs'

/** The fields of package.json that only a clone needs. */
const DEVELOPMENT = ['allowScripts', 'devDependencies', 'overrides', 'scripts', 'napi']

/** Stages the package of `target` with its addon, and returns its directory. */
export function stagePlatform(target, addon, directory) {
  const described = `The native addon of ${manifest.name} for ${target.platform}`
  const files = {
    [target.addon]: readFileSync(addon),
    'package.json': json(ofPlatform(target, target.package, described, target.addon, { main: target.addon })),
    'README.md': readmeOfPlatform(target, target.package, described, manifest.name),
    'THIRD-PARTY-LICENSES.txt': licencesOf(target.triple),
  }
  return staged(join(directory, target.platform), files)
}

/** Stages the package of `target` with its program for a team's store, and returns its directory. */
export function stageRemotePlatform(target, program, directory) {
  const { remotePackage: name, installedProgram } = target
  const described = `The program of ${remotePackage} for ${target.platform}`
  // Yarn keeps packages in archives, and nothing can be executed there.
  const fields = { preferUnplugged: true }
  const files = {
    [installedProgram]: readFileSync(program),
    'package.json': json(ofPlatform(target, name, described, installedProgram, fields)),
    'README.md': readmeOfPlatform(target, name, described, remotePackage),
    'THIRD-PARTY-LICENSES.txt': licencesOf(target.triple, 'program'),
  }
  const stage = staged(join(directory, `remote-${target.platform}`), files)
  // Artifacts of a workflow lose their modes.
  chmodSync(join(stage, installedProgram), 0o755)
  return stage
}

/** Returns the package.json of a package for one platform, which is there for `file`. */
function ofPlatform(target, name, description, file, fields) {
  const { publishConfig } = manifest
  // No `engines`: if they do not match, pnpm leaves an optional package out, but only warns about the root package.
  return {
    ...described(name, description),
    ...fields,
    files: [file, 'THIRD-PARTY-LICENSES.txt'],
    os: [target.os],
    cpu: [target.cpu],
    ...(target.libc && { libc: [target.libc] }),
    publishConfig,
  }
}

/** Returns the first fields of a package.json, which all packages have. */
function described(name, description) {
  const { version, license, repository, homepage, bugs } = manifest
  return { name, version, description, license, repository, homepage, bugs }
}

function readmeOfPlatform(target, name, described, above) {
  return `# \`${name}\`

${described}: \`${target.triple}\`, ${target.needs}. It is installed with
[\`${above}\`](https://www.npmjs.com/package/${above}) where that needs it, and is of no use alone.

[LICENSE](LICENSE) is this package's licence. THIRD-PARTY-LICENSES.txt has those of the software that is linked into it.
`
}

/** Stages the package of which users install the program for a team's store, and returns its directory. */
export function stageRemote(directory) {
  const { publishConfig } = manifest
  const description = `The program by which ${manifest.name} speaks to a team's store`
  const documentation = 'https://github.com/vessux/dev-bin/blob/main/docs/team-cache.md'
  const files = {
    'index.js': `'use strict'\n\n// \`${manifest.name}\` finds the program in the package of the platform. There is nothing to load here.\n`,
    'package.json': json({
      ...described(remotePackage, description),
      type: 'commonjs',
      main: './index.js',
      exports: { '.': './index.js', './package.json': './package.json' },
      files: ['index.js'],
      sideEffects: false,
      optionalDependencies: dependencies((target) => target.remotePackage),
      publishConfig,
    }),
    'README.md': `# \`${remotePackage}\`

${description}. Install it beside
[\`${manifest.name}\`](https://www.npmjs.com/package/${manifest.name}), in the same version:

\`\`\`text
npm install --save-optional ${remotePackage}
\`\`\`

[A team's store](${documentation}) says how it is used.
`,
  }
  return staged(join(directory, 'remote'), files)
}

/** Returns the package of each target at exactly this version. */
function dependencies(packageOf) {
  return Object.fromEntries(TARGETS.map((target) => [packageOf(target), manifest.version]))
}

/** Stages the root package, and returns its directory. */
export function stageRoot(directory) {
  const published = Object.entries(manifest).filter(([name]) => !DEVELOPMENT.includes(name))
  const files = {
    'package.json': json({
      ...Object.fromEntries(published),
      optionalDependencies: dependencies((target) => target.package),
      // Only who has a team's store installs it. Named here, it is found wherever the package manager puts it: pnpm links
      // to a package what that names, and nothing else.
      peerDependencies: { [remotePackage]: `^${manifest.version}` },
      peerDependenciesMeta: { [remotePackage]: { optional: true } },
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
