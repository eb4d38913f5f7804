'use strict'

// `dev-bin list` and `dev-bin prune`: show what is in the cache, and make room there.

const { builds, list, prune } = require('..')
const { write } = require('./output.js')
const { ago, colours, count, shortened, size, table, visible } = require('./text.js')

const OK = 0
const FAILED = 1

async function listEntries({ values }) {
  if (values.building) return listBuilds(values)
  const entries = await list({ cacheDir: values['cache-dir'] })
  if (values.json) {
    await write(JSON.stringify(entries, undefined, 2))
  } else if (entries.length === 0) {
    process.stderr.write('The cache is empty.\n')
  } else {
    await write(table([HEADINGS, ...entries.map(row)]))
    const damaged = entries.filter((entry) => entry.damage !== undefined).length
    if (damaged > 0)
      process.stderr.write(`${count(damaged, 'binary is', 'binaries are')} damaged; \`dev-bin verify\` says how\n`)
  }
  return OK
}

/** Lists what is being built now. */
async function listBuilds(values) {
  const running = await builds({ cacheDir: values['cache-dir'] })
  if (values.json) await write(JSON.stringify(running, undefined, 2))
  else if (running.length === 0) process.stderr.write('Nothing is being built.\n')
  else await write(table([HEADINGS_OF_BUILDS, ...running.map(rowOfBuild)]))
  return OK
}

const HEADINGS_OF_BUILDS = ['BINARY', 'TARGET', 'CRATE', 'PROCESS', 'BEGAN', 'UNITS', 'LEFT', 'COMPILES', 'CHECKOUT']

function rowOfBuild({ bin, target, crate, pid, since, progress, checkout }) {
  const { done, total, leftMs, compiling: [longest = '', ...others] = [] } = progress ?? {}
  return [
    bin,
    target ?? 'host',
    crate,
    String(pid),
    ago(since),
    progress === undefined ? '' : `${done}/${total}`,
    leftMs === undefined ? '' : `${Math.ceil(leftMs / 1000)} s`,
    others.length > 0 ? `${longest} and ${count(others.length, 'other')}` : longest,
    shortened(checkout),
  ]
}

const HEADINGS = ['BINARY', 'TARGET', 'CRATE', 'FINGERPRINT', 'SIZE', 'BUILT', 'USED', 'RUNNING', 'CHECKOUT', 'ORIGIN']

function row(entry) {
  return [
    entry.bin,
    entry.target ?? 'host',
    // A damaged manifest does not name the crate.
    entry.crate || '(damaged)',
    entry.fingerprint.slice(0, 16),
    size(entry.diskSize),
    ago(entry.builtAt),
    ago(entry.usedAt),
    entry.running === undefined ? 'unknown' : entry.running ? 'yes' : 'no',
    shortened(entry.checkout),
    entry.origin === undefined ? 'here' : `${entry.origin}, signed by ${entry.signers.join(', ')}`,
  ]
}

async function pruneEntries({ values }) {
  const dryRun = values['dry-run'] === true
  const pruning = await prune({
    cacheDir: values['cache-dir'],
    maxSize: values['max-size'],
    maxAge: values['max-age'],
    all: values.all,
    dryRun,
  })
  if (values.json) await write(JSON.stringify(pruning, undefined, 2))
  else await write(pruningLines(pruning, dryRun).join('\n'))
  for (const problem of pruning.problems)
    process.stderr.write(`${colours(process.stderr).yellow('warning')}: ${visible(problem)}\n`)
  return pruning.problems.length === 0 ? OK : FAILED
}

function pruningLines({ removed, freed, leftovers, kept, size: left, over }, dryRun) {
  const lines = removed.map(({ entry, reason, freed }) => {
    const why = { age: 'too long ago', size: 'least recently', all: 'all are removed' }[reason]
    return `${dryRun ? 'Would remove' : 'Removed'} ${visible(entry.bin)} ${entry.fingerprint.slice(0, 16)}: used ${ago(entry.usedAt)} (${why}), ${size(freed)}`
  })
  const others = leftovers > 0 ? ` and ${count(leftovers, 'leftover file')}` : ''
  lines.push(
    `${dryRun ? 'Would remove' : 'Removed'} ${count(removed.length, 'binary', 'binaries')}${others}, ${size(freed)} in all; ${count(kept, 'binary', 'binaries')} and ${size(left)} ${dryRun ? 'would be left' : 'are left'}`,
  )
  if (over) {
    lines.push(
      'This is over the size, but must stay: used within the last hour, running, being built, or the newest of a checkout',
    )
  }
  return lines
}

module.exports = { listEntries, pruneEntries }
