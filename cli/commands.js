'use strict'

// The commands: what each takes, what help says of it, and what it does. Results go to stdout, everything else to stderr.

const { existsSync } = require('node:fs')
const { resolve } = require('node:path')
const { explain, getDevBinaries, getDevBinary, inputs, list, prune, verify } = require('..')
const { REQUEST } = require('./arguments.js')
const { findCheckout, packageHere } = require('./checkout.js')
const { become } = require('./replace.js')
const { SHELLS, completions } = require('./completions.js')
const { write } = require('./output.js')
const { boundLines, reasonLines } = require('./reasons.js')
const { ago, complain, count, painted, shortened, size, table, visible } = require('./text.js')
const { UsageError } = require('./arguments.js')

const OK = 0
const FAILED = 1
const USAGE = 2
const MISS = 3

const COMMANDS = {
  get: {
    summary: 'print the path of a binary, built if need be',
    usage: '[-p CRATE] [OPTIONS]',
    detail: `The path alone goes to stdout, everything else to stderr. With --json, each event is a line of JSON on stdout as it
happens, and the last line is the result (type "result") or the error (type "error"). Of several crates or binaries, the
paths come one a line in the order asked, with --json as an array in the last line; when one fails, the others are built
all the same.`,
    options: [...REQUEST, 'rebuild', 'cache-dir', 'quiet', 'json'],
    examples: [
      'gateway=$(dev-bin get -p openshell-server --bin openshell-gateway)',
      'dev-bin get -p openshell-server -p openshell-sandbox',
      'dev-bin get -p gateway --out src-tauri/binaries/gateway-{target}{exe}',
      'dev-bin get -p openshell-sandbox --target aarch64-unknown-linux-gnu --scope crate',
      'dev-bin get -p openshell-server --json | jq -r \'select(.type == "result").sha256\'',
    ],
    run: get,
    jsonError,
  },
  run: {
    summary: 'run a binary, built if need be',
    usage: '[-p CRATE] [OPTIONS] [-- ARGS]',
    detail: `What follows -- is passed on. The binary takes the place of this command: it is the same process, with the same terminal,
standard input and output, and its end is this command's end.`,
    options: [...REQUEST, 'rebuild', 'cache-dir', 'quiet'],
    passesOn: true,
    examples: ['dev-bin run -p openshell-server --bin openshell-gateway -- --help', 'dev-bin run -q -p hello'],
    run,
  },
  why: {
    summary: 'tell whether a binary would be built, and why; builds nothing',
    usage: '[-p CRATE] [OPTIONS]',
    detail: `Exits with 0 for a hit and 3 for a miss, and fails as a build would at once: with a name that there is not, or a toolchain that
is not installed.`,
    options: [...REQUEST, 'rebuild', 'cache-dir', 'json'],
    examples: ['dev-bin why -p openshell-server', 'dev-bin why -p hello --repo ~/src/hello --json'],
    run: why,
  },
  inputs: {
    summary: 'tell what counts for a binary, and what read it',
    usage: '[-p CRATE] [OPTIONS]',
    detail: `As the last build here was seen to read it; builds nothing. What names no reader counts by itself. Runs that may have read
more than is known come last, with the reason; they count by what they declare.`,
    options: [...REQUEST, 'cache-dir', 'json'],
    examples: ['dev-bin inputs -p hello', "dev-bin inputs -p hello --json | jq -r '.inputs[].name'"],
    run: tellInputs,
  },
  list: {
    summary: 'list the binaries in the cache',
    usage: '[OPTIONS]',
    detail: `The last used come first; use is noted once an hour. Sizes are those on disk. Whether a binary is running is known on
Linux, of processes of this user.`,
    options: ['cache-dir', 'json'],
    examples: ['dev-bin list', "dev-bin list --json | jq '.[] | select(.running).path'"],
    run: listEntries,
  },
  prune: {
    summary: 'make room in the cache',
    usage: '[OPTIONS]',
    detail: `Removes what was not used for longer than the age, and then the least recently used down to the size. What was used within
the last hour, is running or being built, or is the newest build of a binary of a checkout, stays; down to the size, the hour
does not hold for what a checkout has left behind by building others since, but for the last two. With --all, so do only those
that are running or being built. The same happens by itself after a build, once a day and when the size is passed, without
--all.`,
    options: ['max-size', 'max-age', 'all', 'dry-run', 'cache-dir', 'json'],
    examples: ['dev-bin prune', 'dev-bin prune --max-size 500MB --max-age 12h --dry-run', 'dev-bin prune --all'],
    run: pruneEntries,
  },
  verify: {
    summary: 'look for binaries that are not what they should be',
    usage: '[-p CRATE [OPTIONS]]',
    detail: `Without a crate, every binary in the cache is read and its digest compared with its manifest. With one, its binary is
compared with a fresh build in a target directory of its own, which takes as long as a cold build, or two.
Exits with 1 when a binary is damaged or stale.`,
    options: [...REQUEST, 'cache-dir', 'quiet', 'json'],
    examples: ['dev-bin verify', 'dev-bin verify -p hello'],
    run: verifyEntries,
  },
  completions: {
    summary: 'print completions for a shell',
    usage: SHELLS.join('|'),
    options: [],
    positionals: 1,
    examples: [
      'source <(dev-bin completions bash)                                  # in ~/.bashrc',
      'source <(dev-bin completions zsh)                                   # in ~/.zshrc, after compinit',
      'dev-bin completions fish > ~/.config/fish/completions/dev-bin.fish',
    ],
    run: printCompletions,
  },
}

/** What cargo's own switches are called, of those that are handed on to it. */
const CARGO_SWITCHES = ['locked', 'offline', 'frozen', 'all-features']

function cargoArguments(values) {
  const switches = CARGO_SWITCHES.filter((name) => values[name]).map((name) => `--${name}`)
  // A file is meant from here; what is no file is for cargo.
  const config = values.config?.flatMap((value) => ['--config', existsSync(value) ? resolve(value) : value]) ?? []
  const unstable = values.unstable?.flatMap((flag) => ['-Z', flag]) ?? []
  const jobs = values.jobs === undefined ? [] : ['-j', values.jobs]
  return [...switches, ...config, ...unstable, ...jobs]
}

/** Which binaries are meant, each by its crate and name: several of one crate, one of each of several, or in pairs. */
function named({ crate: crates = [undefined], bin: bins = [] }) {
  if (bins.length === 0) return crates.map((crate) => ({ crate }))
  if (crates.length === 1) return bins.map((bin) => ({ crate: crates[0], bin }))
  if (crates.length === bins.length) return crates.map((crate, index) => ({ crate, bin: bins[index] }))
  throw new UsageError('with several crates, each takes one `--bin`, or none does')
}

/** The options of the public surface, once for each binary. */
function requests(values) {
  const repo = values.repo ?? findCheckout()
  const here = values.repo === undefined && values.crate === undefined ? packageHere(repo) : undefined
  const wanted = named(here === undefined ? values : { ...values, crate: [here] })
  if (values.out !== undefined && wanted.length > 1) throw new UsageError('`--out` is a path for one binary alone')
  return wanted.map((names) => ({ ...names, repo, ...shared(values) }))
}

/** The options of the one binary that `command` is about. */
function request(values, command) {
  const [first, ...more] = requests(values)
  if (more.length > 0) throw new UsageError(`\`${command}\` takes one binary`)
  return first
}

function shared(values) {
  return {
    kind: values.kind,
    with: values.with,
    target: values.target,
    features: values.features?.flatMap((features) => features.split(/[,\s]/)).filter((feature) => feature !== ''),
    noDefaultFeatures: values['no-default-features'],
    profile: values.profile,
    builder: values.builder,
    scope: values.scope,
    exclude: values.exclude,
    observe: values.observe,
    cargoArgs: cargoArguments(values),
    out: values.out,
    rebuild: values.rebuild,
    cacheDir: values['cache-dir'],
  }
}

async function get({ values }) {
  const wanted = requests(values)
  const tell = values.json ? (line) => write(JSON.stringify(line)) : undefined
  if (wanted.length > 1) return getSeveral(values, wanted, tell)
  const binary = await built(values, wanted[0], tell)
  if (tell) await tell({ type: 'result', ...binary })
  else await write(binary.path)
  return OK
}

/** Paths in the order asked, or what came of each; what fails keeps no other from being built. */
async function getSeveral(values, wanted, tell) {
  const report = reportOf(values)
  try {
    const binaries = await getDevBinaries(wanted.map((options) => ({ ...options, report, onEvent: tell })))
    if (tell) await tell(binaries.map((binary) => ({ type: 'result', ...binary })))
    else await write(binaries.map((binary) => binary.path).join('\n'))
    return OK
  } catch (error) {
    if (error.results === undefined) throw error
    if (tell)
      await tell(error.results.map(({ value, reason }) => (value ? { type: 'result', ...value } : told(reason))))
    for (const { reason } of error.results) if (reason !== undefined) complain(once(reason, values))
    return error.code === 'INVALID_OPTION' ? USAGE : FAILED
  }
}

/** For `--json`: an error as the last line. */
function jsonError(error) {
  return JSON.stringify(told(error))
}

function told({ code, message, hint }) {
  return { type: 'error', code, message, hint }
}

function reportOf(values) {
  return values.quiet === true ? 'silent' : 'auto'
}

/** `error` without the compiler's words, where these have been on stderr already. */
function once(error, values) {
  if (error.code === 'BUILD_FAILED' && values.quiet !== true) error.told = error.message.split('\n\n')[0]
  return error
}

async function built(values, options, onEvent) {
  try {
    return await getDevBinary({ ...options, report: reportOf(values), onEvent })
  } catch (error) {
    throw once(error, values)
  }
}

async function run({ values, rest }) {
  const options = request(values, 'run')
  if (options.kind === 'cdylib' || options.kind === 'staticlib') throw new UsageError('a library cannot be run')
  return become(async () => (await built(values, options)).path, rest)
}

async function why({ values }) {
  const explanation = await explain(request(values, 'why'))
  if (values.json) {
    await write(JSON.stringify(explanation, undefined, 2))
  } else {
    const isHit = explanation.outcome === 'hit'
    const told = isHit ? `hit: ${visible(explanation.path)}` : `miss: ${explanation.bin} would be built`
    const reasons = explanation.reasons.flatMap((reason) => reasonLines(reason, explanation.readBy))
    const git = explanation.inWorktree ? [] : ['without git: every file counts that no `.gitignore` names']
    const isTold = explanation.reasons.some(({ kind }) => kind === 'bound')
    const lines = [told, ...reasons, ...git, ...(isTold ? [] : boundLines(explanation.boundBy))]
    await write(lines.join('\n'))
  }
  return explanation.outcome === 'hit' ? OK : MISS
}

async function tellInputs({ values }) {
  const known = await inputs(request(values, 'inputs'))
  if (values.json) {
    await write(JSON.stringify(known, undefined, 2))
    return OK
  }
  const rows = known.inputs.map(({ kind, name, readBy }) => [kind, visible(name) || 'the checkout', readBy.join(', ')])
  const opaque = known.opaque.map(({ run, reason }) => `${run} may have read more: ${visible(reason)}`)
  await write([table([['KIND', 'NAME', 'READ BY'], ...rows]), ...opaque].join('\n'))
  if (!known.isCurrent) process.stderr.write('Something has changed since; `dev-bin why` tells what.\n')
  return OK
}

async function listEntries({ values }) {
  const entries = await list({ cacheDir: values['cache-dir'] })
  if (values.json) {
    await write(JSON.stringify(entries, undefined, 2))
  } else if (entries.length === 0) {
    process.stderr.write('The cache is empty.\n')
  } else {
    await write(table([HEADINGS, ...entries.map(row)]))
    const damaged = entries.filter((entry) => entry.damage !== undefined).length
    if (damaged > 0)
      process.stderr.write(`${count(damaged, 'binary is', 'binaries are')} damaged; \`dev-bin verify\` tells how\n`)
  }
  return OK
}

const HEADINGS = ['BINARY', 'TARGET', 'CRATE', 'FINGERPRINT', 'SIZE', 'BUILT', 'USED', 'RUNNING', 'CHECKOUT']

function row(entry) {
  return [
    entry.bin,
    entry.target ?? 'host',
    // What only a manifest tells.
    entry.crate || '(damaged)',
    entry.fingerprint.slice(0, 16),
    size(entry.diskSize),
    ago(entry.builtAt),
    ago(entry.usedAt),
    entry.running === undefined ? 'unknown' : entry.running ? 'yes' : 'no',
    shortened(entry.checkout),
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
    process.stderr.write(`${painted(process.stderr).yellow('warning')}: ${visible(problem)}\n`)
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
      'That is over the cap, and stays: used within the last hour, running, being built, or the newest of a checkout',
    )
  }
  return lines
}

async function verifyEntries({ values }) {
  if (values.crate === undefined) {
    const meant = Object.keys(values).find((name) => REQUEST.includes(name))
    if (meant !== undefined)
      throw new UsageError(`\`--${meant}\` says something of a crate, and \`-p CRATE\` is missing`)
    return verifyDigests(values)
  }
  const verification = await verify({ ...request(values, 'verify'), report: reportOf(values) })
  const { verdict, binary, fresh } = verification
  if (values.json) {
    await write(JSON.stringify(verification, undefined, 2))
  } else {
    const said = {
      equal: 'a fresh build gives the same bytes',
      'not-reproducible': 'two fresh builds differ from each other, so nothing follows from this one being different',
      stale: 'two fresh builds agree, and this one differs; `dev-bin get --rebuild` replaces it',
    }[verdict]
    await write(
      [
        `${verdict}: ${said}`,
        `  cached  ${binary.sha256}  ${visible(binary.path)}`,
        ...fresh.map((digest) => `  fresh   ${digest}`),
      ].join('\n'),
    )
  }
  return verdict === 'stale' ? FAILED : OK
}

async function verifyDigests(values) {
  const entries = await list({ cacheDir: values['cache-dir'], check: true })
  const damaged = entries.filter((entry) => entry.damage !== undefined)
  if (values.json) {
    await write(JSON.stringify(entries, undefined, 2))
  } else {
    const lines = damaged.map((entry) => `damaged: ${visible(entry.damage)}`)
    const sound = entries.length - damaged.length
    await write([...lines, `${count(sound, 'binary', 'binaries')} of ${entries.length} as published`].join('\n'))
    if (damaged.length > 0) process.stderr.write('The next call for a damaged binary builds it again.\n')
  }
  return damaged.length === 0 ? OK : FAILED
}

async function printCompletions({ positionals: [shell] }) {
  if (!SHELLS.includes(shell)) {
    throw new UsageError(
      `${shell === undefined ? 'the shell is missing' : `there are no completions for \`${shell}\``}; there are ${SHELLS.join(', ')}`,
    )
  }
  await write(completions(shell, COMMANDS).trimEnd())
  return OK
}

module.exports = { COMMANDS }
