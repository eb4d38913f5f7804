// Installs cargo-zigbuild and zig from PyPI for the tests that cross-compile, once, into this checkout's target
// directory.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './support.js'

const PACKAGES = ['cargo-zigbuild==0.24.0', 'ziglang==0.17.1']

const directory = join(root, 'target', 'test-tools', 'zig')

/** True if there is a Python that can make virtual environments. */
export const canInstallZig = spawnSync('python3', ['-c', 'import ensurepip, venv'], { stdio: 'ignore' }).status === 0
if (!canInstallZig) console.warn('python3 with venv is missing: NOTHING IS BUILT WITH ZIG HERE')

/** Returns the directory with `cargo-zigbuild`, which finds zig beside itself. */
export function zigTools(): string {
  const bin = join(directory, 'bin')
  const stamp = join(directory, PACKAGES.join(' '))
  if (!existsSync(stamp)) {
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true })
    execFileSync('python3', ['-m', 'venv', directory], { stdio: ['ignore', 'ignore', 'inherit'] })
    const install = ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...PACKAGES]
    execFileSync(join(bin, 'python3'), install, { stdio: ['ignore', 'ignore', 'inherit'] })
    writeFileSync(stamp, '')
  }
  return bin
}

/** Variables that have zig keep what it compiles for every program, such as its libc, between runs of the tests. */
export const zigCaches = {
  ZIG_GLOBAL_CACHE_DIR: join(directory, 'cache', 'global'),
  ZIG_LOCAL_CACHE_DIR: join(directory, 'cache', 'local'),
  CARGO_ZIGBUILD_CACHE_DIR: join(directory, 'cache', 'zigbuild'),
}
