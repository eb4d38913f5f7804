'use strict'

// Parses the options of a command. One table has all options, so that the help and the completions show what is parsed.

/** A mistake in the command line itself. Its code is one of the public surface. */
class UsageError extends Error {
  constructor(message, code = 'INVALID_OPTION') {
    super(message)
    this.code = code
  }
}

/** The `complete` of an option whose value is a directory. Other options have a list of words there, or nothing. */
const DIRECTORY = 'directory'

/** All options, by long name. An option without a `value` is a switch; `multiple` ones may be given more than once. */
const OPTIONS = {
  crate: {
    short: 'p',
    value: 'CRATE',
    multiple: true,
    help: 'cargo package (default: the one around here, or else the only one with a binary)',
  },
  bin: { value: 'NAME', multiple: true, help: "binary or example (default: the crate's only one, or its default-run)" },
  kind: {
    value: 'KIND',
    complete: ['bin', 'cdylib', 'staticlib', 'example'],
    help: 'bin, cdylib, staticlib or example (default: bin)',
  },
  with: { value: 'NAME', multiple: true, help: 'another binary of the crate, put beside the first' },
  target: { value: 'TRIPLE', help: "Rust target (default: this machine's)" },
  repo: {
    value: 'DIR',
    complete: DIRECTORY,
    help: 'checkout (default: ./openshell-fork, or else the one around here)',
  },
  features: { short: 'F', value: 'A,B', multiple: true, help: 'features to enable' },
  'no-default-features': { help: 'leave the default features out' },
  profile: { value: 'NAME', help: 'cargo profile (default: release)' },
  builder: { value: 'NAME', complete: ['auto', 'cargo', 'zigbuild'], help: 'auto, cargo or zigbuild (default: auto)' },
  scope: { value: 'NAME', complete: ['crate', 'tree'], help: 'which files count: tree or crate (default: crate)' },
  exclude: { value: 'PATTERN', multiple: true, help: 'paths that no build reads, as in .gitignore' },
  observe: {
    value: 'WHEN',
    complete: ['auto', 'off'],
    help: 'observe what builds read: auto or off (default: DEV_BIN_OBSERVE, or else auto)',
  },
  'no-remote': { help: "do not ask a team's store" },
  out: { value: 'PATH', help: 'put a copy there, when it differs; {target} and {exe} are filled in' },
  locked: { help: 'as in cargo: Cargo.lock must fit' },
  offline: { help: 'as in cargo: download nothing' },
  frozen: { help: 'as in cargo: --locked and --offline' },
  'all-features': { help: 'as in cargo: enable every feature' },
  config: { value: 'KEY=VALUE', multiple: true, help: 'as in cargo: override its configuration, or read a file of it' },
  unstable: { short: 'Z', value: 'FLAG', multiple: true, help: 'as in cargo: a flag that only nightly takes' },
  jobs: { short: 'j', value: 'N', help: 'as in cargo: how many run at once' },
  watch: { help: 'build again when inputs change, and start the newer binary in the place of the older' },
  grace: { value: 'TIME', help: 'time to end in before SIGKILL, such as 5s or 500ms; with --watch (default: 5s)' },
  nice: { value: 'N', help: 'how much lower the priority of builds is, 0 to 19 (default: 10 while watching, else 0)' },
  rebuild: { help: 'run cargo even if the binary is in the cache' },
  'no-build': { help: 'end with status 3 where cargo would have to run' },
  background: { help: 'build in a process of its own, and do not wait for it' },
  building: { help: 'list what is being built now' },
  'cache-dir': {
    value: 'DIR',
    complete: DIRECTORY,
    help: 'the cache (default: DEV_BIN_CACHE_DIR, or else ~/.cache/openlock/dev-bin)',
  },
  'max-size': {
    value: 'SIZE',
    help: 'size that may be left, such as 5GiB or 500MB, or none (default: DEV_BIN_MAX_SIZE, or else 5GiB)',
  },
  'max-age': {
    value: 'AGE',
    help: 'how long unused binaries are kept, such as 30d or 12h, or none (default: DEV_BIN_MAX_AGE, or else 30d)',
  },
  all: { help: 'remove everything that is not running or being built' },
  'dry-run': { short: 'n', help: 'say what would be removed, and remove nothing' },
  quiet: { short: 'q', help: 'say nothing on stderr but errors' },
  json: { help: 'write JSON to stdout' },
}

/** The other names of options: cargo calls a crate a package. */
const ALIASES = { package: 'crate' }

/** The options that make a request. */
const REQUEST = [
  'crate',
  'bin',
  'kind',
  'with',
  'target',
  'repo',
  'features',
  'no-default-features',
  'profile',
  'builder',
  'scope',
  'exclude',
  'observe',
  'no-remote',
  'locked',
  'offline',
  'frozen',
  'all-features',
  'config',
  'unstable',
  'jobs',
  'out',
]

/** The option that every command has. */
const HELP = { short: 'h' }

/** Returns the options of a command by their long names, aliases included, and by their letters. */
function optionsByName(command) {
  const byLong = new Map([['help', { name: 'help', ...HELP }]])
  for (const name of command.options) byLong.set(name, { name, ...OPTIONS[name] })
  for (const [alias, name] of Object.entries(ALIASES)) if (byLong.has(name)) byLong.set(alias, byLong.get(name))
  const byShort = new Map()
  for (const option of byLong.values()) if (option.short !== undefined) byShort.set(option.short, option)
  return { byLong, byShort }
}

/**
 * Takes a command line apart as `parseArgs` of `node:util` does, which takes as long to load as a hit takes. Yields an
 * option with its value as `{ option, value }`, anything else as `{ positional }`, and a mistake as `{ mistake }`.
 */
function* taken(argv, { byLong, byShort }) {
  const rest = [...argv]
  while (rest.length > 0) {
    const arg = rest.shift()
    if (arg === '--') {
      for (const positional of rest) yield { positional }
      return
    }
    if (arg.startsWith('--')) {
      const [, name, , value] = /^--([^=]*)(=(.*))?$/s.exec(arg)
      yield given(`--${name}`, byLong.get(name), value, rest)
    } else if (arg.startsWith('-') && arg !== '-') {
      let letters = arg.slice(1)
      while (letters !== '') {
        const option = byShort.get(letters[0])
        // The rest of the word is the value of an option that takes one.
        const value = option?.value !== undefined && letters.length > 1 ? letters.slice(1) : undefined
        yield given(`-${letters[0]}`, option, value, rest)
        letters = value === undefined ? letters.slice(1) : ''
      }
    } else yield { positional: arg }
  }
}

/** Returns what stands for an option that is given as `flag`, with a value in the same word or, in `rest`, the next. */
function given(flag, option, value, rest) {
  if (option === undefined) return { mistake: `there is no option \`${flag}\`` }
  if (option.value === undefined) return value === undefined ? { option } : { mistake: `\`${flag}\` takes no value` }
  if (value !== undefined) return { option, value }
  const next = rest.shift()
  if (next === undefined) return { mistake: `\`${flag}\` lacks its value, ${option.value}` }
  if (next.startsWith('-') && next !== '-') {
    return {
      mistake: `\`${flag}\` lacks its value; one that begins with a dash is given as \`--${option.name}=${next}\``,
    }
  }
  return { option, value: next }
}

/** Returns whether a command line has a flag, `-qh` included. The rest of the line may be wrong. */
function asksFor(flag, command, argv) {
  const end = argv.indexOf('--')
  const own = end < 0 ? argv : argv.slice(0, end)
  return [...taken(own, optionsByName(command))].some(({ option }) => option?.name === flag)
}

/**
 * Returns the options and arguments of a command, and those after `--`. Does not check values: the public surface does.
 */
function parse(command, argv) {
  const end = command.passesOn ? argv.indexOf('--') : -1
  const own = end < 0 ? argv : argv.slice(0, end)
  const values = {}
  const positionals = []
  for (const { option, value, positional, mistake } of taken(own, optionsByName(command))) {
    if (mistake !== undefined) throw new UsageError(mistake)
    if (positional !== undefined) positionals.push(positional)
    else if (option.value === undefined) values[option.name] = true
    else if (option.multiple) values[option.name] = [...(values[option.name] ?? []), value]
    else if (values[option.name] === undefined) values[option.name] = value
    else throw new UsageError(`\`--${option.name}\` is given twice`)
  }
  const expected = command.positionals ?? 0
  if (positionals.length > expected) {
    const hint = command.passesOn
      ? "; the binary's own arguments go after `--`"
      : command.options.includes('crate')
        ? '; a crate is named with `-p`'
        : ''
    throw new UsageError(`\`${positionals[expected]}\` is one argument too many${hint}`)
  }
  return { values, positionals, rest: end < 0 ? [] : argv.slice(end + 1) }
}

module.exports = { DIRECTORY, OPTIONS, REQUEST, UsageError, asksFor, parse }
