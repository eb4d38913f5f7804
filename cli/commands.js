'use strict'

// The commands: their options, their help, and the functions that run them. Results go to stdout, everything else to
// stderr.

const { existsSync } = require('node:fs')
const { resolve } = require('node:path')
const { explain, getDevBinaries, getDevBinary, inputs, list, prune, verify } = require('..')
const { REQUEST, UsageError } = require('./arguments.js')
const { findCheckout, packageHere } = require('./checkout.js')
const { runInPlace } = require('./replace.js')
const { SHELLS, completions } = require('./completions.js')
const { write } = require('./output.js')
const { boundLines, reasonLines } = require('./reasons.js')
const { ago, colours, complain, count, shortened, size, table, visible } = require('./text.js')

const OK = 0
const FAILED = 1
const USAGE = 2
const MISS = 3

const COMMANDS = {
  get: {
    summary: 'print the path of a binary, built if need be',
    usage: '[-p CRATE] [OPTIONS]',
    detail: `Only the path goes to stdout, everything else to stderr. With --json, each event is a line of JSON on stdout as it
happens, and the last line is the result (type "result") or the error (type "error"). Several crates or binaries give one
path a line in the order asked, and with --json an array in the last line. If one fails, the others are built all the same.`,
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
    detail: `Arguments after -- are passed on. The binary takes the place of this command: it is the same process, with the same
terminal, standard input and output, and it ends as the binary ends.`,
    options: [...REQUEST, 'rebuild', 'cache-dir', 'quiet'],
    passesOn: true,
    examples: ['dev-bin run -p openshell-server --bin openshell-gateway -- --help', 'dev-bin run -q -p hello'],
    run,
  },
  why: {
    summary: 'say if a binary would be built, and why; builds nothing',
    usage: '[-p CRATE] [OPTIONS]',
    detail: `Exits with 0 for a hit and 3 for a miss. Fails if a build would fail at once: if a name does not exist, or a toolchain is
not installed.`,
    options: [...REQUEST, 'rebuild', 'cache-dir', 'json'],
    examples: ['dev-bin why -p openshell-server', 'dev-bin why -p hello --repo ~/src/hello --json'],
    run: why,
  },
  inputs: {
    summary: 'list the inputs of a binary, and what read them',
    usage: '[-p CRATE] [OPTIONS]',
    detail: `Lists the inputs that the last build here was seen to read; builds nothing. An input without a reader counts by itself.
Runs that may have read more than is known come last, with the reason; they count by what they declare.`,
    options: [...REQUEST, 'cache-dir', 'json'],
    examples: ['dev-bin inputs -p hello', "dev-bin inputs -p hello --json | jq -r '.inputs[].name'"],
    run: listInputs,
  },
  list: {
    summary: 'list the binaries in the cache',
    usage: '[OPTIONS]',
    detail: `The last used come first; a use is recorded once an hour. Sizes are those on disk. On Linux, the list shows which
binaries a process of this user runs.`,
    options: ['cache-dir', 'json'],
    examples: ['dev-bin list', "dev-bin list --json | jq '.[] | select(.running).path'"],
    run: listEntries,
  },
  prune: {
    summary: 'make room in the cache',
    usage: '[OPTIONS]',
    detail: `Removes binaries that were not used for longer than the age, and then the least recently used ones until the size holds.
These stay: binaries that were used within the last hour, that are running or being built, and the newest build of each
binary of each checkout. If the cache is over its size, binaries that newer builds of a checkout have replaced may go within
the hour, but for the last two. With --all, only those stay that are running or being built. The same happens without --all
after a build, once a day and whenever the cache is over its size.`,
    options: ['max-size', 'max-age', 'all', 'dry-run', 'cache-dir', 'json'],
    examples: ['dev-bin prune', 'dev-bin prune --max-size 500MB --max-age 12h --dry-run', 'dev-bin prune --all'],
    run: pruneEntries,
  },
  verify: {
    summary: 'look for binaries that are damaged or stale',
    usage: '[-p CRATE [OPTIONS]]',
    detail: `Without a crate, reads every binary in the cache and compares its digest with its manifest. With a crate, compares its
binary with a fresh build in a target directory of its own, which takes as long as one cold build, or two.
Exits with 1 if a binary is damaged or stale.`,
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

/** The switches without a value that are passed on to cargo under their own names. */
const CARGO_SWITCHES = ['locked', 'offline', 'frozen', 'all-features']

/** Returns the arguments for cargo. */
function cargoArguments(values) {
  const switches = CARGO_SWITCHES.filter((name) => values[name]).map((name) => `--${name}`)
  // A file is relative to the working directory, and cargo runs in the workspace. Any other value is `KEY=VALUE`.
  const config = values.config?.flatMap((value) => ['--config', existsSync(value) ? resolve(value) : value]) ?? []
  const unstable = values.unstable?.flatMap((flag) => ['-Z', flag]) ?? []
  const jobs = values.jobs === undefined ? [] : ['-j', values.jobs]
  return [...switches, ...config, ...unstable, ...jobs]
}

/** Returns the crate and name of each binary: several of one crate, one of each of several crates, or pairs of both. */
function namesOf({ crate: crates = [undefined], bin: bins = [] }) {
  if (bins.length === 0) return crates.map((crate) => ({ crate }))
  if (crates.length === 1) return bins.map((bin) => ({ crate: crates[0], bin }))
  if (crates.length === bins.length) return crates.map((crate, index) => ({ crate, bin: bins[index] }))
  throw new UsageError('with several crates, each takes one `--bin`, or none does')
}

/** Returns the request of each binary, as options of the public surface. */
function requestsOf(values) {
  const repo = values.repo ?? findCheckout()
  const here = values.repo === undefined && values.crate === undefined ? packageHere(repo) : undefined
  const wanted = namesOf(here === undefined ? values : { ...values, crate: [here] })
  if (values.out !== undefined && wanted.length > 1) throw new UsageError('`--out` is a path for one binary alone')
  return wanted.map((names) => ({ ...names, repo, ...optionsOf(values) }))
}

/** Returns the request of a command that takes one binary. */
function requestOf(values, command) {
  const [first, ...more] = requestsOf(values)
  if (more.length > 0) throw new UsageError(`\`${command}\` takes one binary`)
  return first
}

/** Returns the options that all binaries of a command line share. */
function optionsOf(values) {
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
  const wanted = requestsOf(values)
  const writeLine = values.json ? (line) => write(JSON.stringify(line)) : undefined
  if (wanted.length > 1) return getSeveral(values, wanted, writeLine)
  const binary = await getBinary(values, wanted[0], writeLine)
  if (writeLine) await writeLine({ type: 'result', ...binary })
  else await write(binary.path)
  return OK
}

/** Writes the paths of several binaries in the order asked, or the error of each that failed. */
async function getSeveral(values, wanted, writeLine) {
  const report = reportOf(values)
  try {
    const binaries = await getDevBinaries(wanted.map((options) => ({ ...options, report, onEvent: writeLine })))
    if (writeLine) await writeLine(binaries.map((binary) => ({ type: 'result', ...binary })))
    else await write(binaries.map((binary) => binary.path).join('\n'))
    return OK
  } catch (error) {
    if (error.results === undefined) throw error
    if (writeLine) {
      const results = error.results.map(({ value, reason }) =>
        value ? { type: 'result', ...value } : errorLine(reason),
      )
      await writeLine(results)
    }
    for (const { reason } of error.results) if (reason !== undefined) complain(shortenedError(reason, values))
    return error.code === 'INVALID_OPTION' ? USAGE : FAILED
  }
}

/** Returns the last line of `--json` for a command line that fails. */
function jsonError(error) {
  return JSON.stringify(errorLine(error))
}

function errorLine({ code, message, hint }) {
  return { type: 'error', code, message, hint }
}

function reportOf(values) {
  return values.quiet === true ? 'silent' : 'auto'
}

/** Gives `error` a message without the compiler's errors, if the report has already written these to stderr. */
function shortenedError(error, values) {
  if (error.code === 'BUILD_FAILED' && values.quiet !== true) error.shortMessage = error.message.split('\n\n')[0]
  return error
}

async function getBinary(values, options, onEvent) {
  try {
    return await getDevBinary({ ...options, report: reportOf(values), onEvent })
  } catch (error) {
    throw shortenedError(error, values)
  }
}

async function run({ values, rest }) {
  const options = requestOf(values, 'run')
  if (options.kind === 'cdylib' || options.kind === 'staticlib') throw new UsageError('a library cannot be run')
  return runInPlace(async () => (await getBinary(values, options)).path, rest)
}

async function why({ values }) {
  const explanation = await explain(requestOf(values, 'why'))
  if (values.json) {
    await write(JSON.stringify(explanation, undefined, 2))
  } else {
    const isHit = explanation.outcome === 'hit'
    const outcome = isHit ? `hit: ${visible(explanation.path)}` : `miss: ${explanation.bin} would be built`
    const reasons = explanation.reasons.flatMap((reason) => reasonLines(reason, explanation.readBy))
    const git = explanation.inWorktree ? [] : ['without git: every file counts that no `.gitignore` names']
    // The reason `bound` names the bonds already.
    const hasBonds = explanation.reasons.some(({ kind }) => kind === 'bound')
    const lines = [outcome, ...reasons, ...git, ...(hasBonds ? [] : boundLines(explanation.boundBy))]
    await write(lines.join('\n'))
  }
  return explanation.outcome === 'hit' ? OK : MISS
}

async function listInputs({ values }) {
  const known = await inputs(requestOf(values, 'inputs'))
  if (values.json) {
    await write(JSON.stringify(known, undefined, 2))
    return OK
  }
  const rows = known.inputs.map(({ kind, name, readBy }) => [kind, visible(name) || 'the checkout', readBy.join(', ')])
  const opaque = known.opaque.map(({ run, reason }) => `${run} may have read more: ${visible(reason)}`)
  await write([table([['KIND', 'NAME', 'READ BY'], ...rows]), ...opaque].join('\n'))
  if (!known.isCurrent) process.stderr.write('Something has changed since then; `dev-bin why` says what.\n')
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
      process.stderr.write(`${count(damaged, 'binary is', 'binaries are')} damaged; \`dev-bin verify\` says how\n`)
  }
  return OK
}

const HEADINGS = ['BINARY', 'TARGET', 'CRATE', 'FINGERPRINT', 'SIZE', 'BUILT', 'USED', 'RUNNING', 'CHECKOUT']

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

async function verifyEntries({ values }) {
  if (values.crate === undefined) {
    const misplaced = Object.keys(values).find((name) => REQUEST.includes(name))
    if (misplaced !== undefined)
      throw new UsageError(`\`--${misplaced}\` is an option of a crate, and \`-p CRATE\` is missing`)
    return verifyDigests(values)
  }
  const verification = await verify({ ...requestOf(values, 'verify'), report: reportOf(values) })
  const { verdict, binary, fresh } = verification
  if (values.json) {
    await write(JSON.stringify(verification, undefined, 2))
  } else {
    const meaning = {
      equal: 'a fresh build gives the same bytes',
      'not-reproducible': 'two fresh builds differ from each other, so the difference means nothing',
      stale: 'two fresh builds agree, and this one differs; `dev-bin get --rebuild` replaces it',
    }[verdict]
    await write(
      [
        `${verdict}: ${meaning}`,
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
