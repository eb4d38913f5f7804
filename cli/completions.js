'use strict'

// Writes completion scripts from the tables that are parsed.

const { DIRECTORY, OPTIONS, UsageError } = require('./arguments.js')
const { write } = require('./output.js')

const OK = 0

const SHELLS = ['bash', 'zsh', 'fish']

/** Returns the completion script for `shell`. */
function completions(shell, commands) {
  return { bash, zsh, fish }[shell](Object.entries(commands))
}

/** Returns the options of a command with their descriptions, `--help` included. */
function optionsOf({ options }) {
  return [
    ...options.map((name) => ({ name, ...OPTIONS[name] })),
    { name: 'help', short: 'h', help: 'help on this command' },
  ]
}

function flags({ name, short }) {
  return short === undefined ? [`--${name}`] : [`-${short}`, `--${name}`]
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`

function bash(commands) {
  const valued = new Map()
  for (const [, command] of commands) {
    for (const option of optionsOf(command)) if (option.value !== undefined) valued.set(option.name, option)
  }
  const values = [...valued.values()].map((option) => {
    const found =
      option.complete === DIRECTORY
        ? '_dev_bin_names -d'
        : Array.isArray(option.complete)
          ? `_dev_bin_offer -W ${quoted(option.complete.join(' '))}`
          : ':'
    return `    ${flags(option).join('|')}) ${found}; return ;;`
  })
  const words = commands.map(([name, command]) => {
    const words = quoted(optionsOf(command).flatMap(flags).join(' '))
    // A command takes one of its words, so nothing is offered after it.
    const own = command.words ? `; [[ -n $second ]] || words+=${quoted(` ${command.words.join(' ')}`)}` : ''
    return `    ${name}) words=${words}${own} ;;`
  })
  return `# bash completions for dev-bin

# Offers each line as one word, blanks included. bash 3 has no \`mapfile\`.
_dev_bin_offer() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "$@" -- "$current")
}

_dev_bin_names() {
  compopt -o filenames 2>/dev/null
  _dev_bin_offer "$@"
}

_dev_bin() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command= second= words= index
  COMPREPLY=()
  # bash splits \`--option=value\` at the sign.
  if [[ $current == = ]]; then current=; elif [[ $previous == = ]]; then previous=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  for ((index = 1; index < COMP_CWORD; index++)); do
    case \${COMP_WORDS[index]} in
      --) _dev_bin_names -f; return ;;
      -*) ;;
      *) if [[ -n $command ]]; then second=\${COMP_WORDS[index]}; else command=\${COMP_WORDS[index]}; fi ;;
    esac
  done
  case $previous in
${values.join('\n')}
  esac
  case $command in
    '') words=${quoted([...commands.map(([name]) => name), '--help', '--version'].join(' '))} ;;
${words.join('\n')}
  esac
  _dev_bin_offer -W "$words"
}

complete -F _dev_bin dev-bin
`
}

function zsh(commands) {
  // In a specification, a colon ends the description.
  const plain = (text) => text.replaceAll(/[:[\]\\]/g, (character) => `\\${character}`)
  const specification = (option) => {
    const { name, short, value, multiple, help, complete } = option
    const argument =
      value === undefined
        ? ''
        : complete === DIRECTORY
          ? `:${value}:_files -/`
          : `:${value}:${Array.isArray(complete) ? `(${complete.join(' ')})` : ' '}`
    const rest = quoted(`[${plain(help)}]${argument}`)
    // A sign behind a long name says that its value may follow one, a plus behind a short one that it may follow at
    // once.
    const [long, brief] = value === undefined ? [`--${name}`, `-${short}`] : [`--${name}=`, `-${short}+`]
    if (multiple) return (short === undefined ? [long] : [brief, long]).map((flag) => `'*'${flag}${rest}`)
    return short === undefined ? [`${long}${rest}`] : [`'(-${short} --${name})'{${brief},${long}}${rest}`]
  }
  const cases = commands.map(([name, command]) => {
    const last = command.words
      ? [`'1:word:(${command.words.join(' ')})'`]
      : command.passesOn
        ? ["'*::arguments:_files'"]
        : []
    const lines = [...optionsOf(command).flatMap(specification), ...last]
    return `        ${name})\n          _arguments -s ${lines.join(' \\\n            ')} ;;`
  })
  return `#compdef dev-bin
# zsh completions for dev-bin

_dev-bin() {
  local context state state_descr line
  typeset -A opt_args
  local -a commands
  commands=(
${commands.map(([name, { summary }]) => `    ${quoted(`${name}:${summary}`)}`).join('\n')}
  )
  _arguments -C '(- *)'{-h,--help}'[help]' '(- *)'{-V,--version}'[the version]' \\
    '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe -t commands command commands ;;
    argument)
      case $words[1] in
${cases.join('\n')}
      esac ;;
  esac
}

# The completion system calls this file at once if it loads it by name. \`source\` only defines the function.
if [[ \${funcstack[1]} == _dev-bin ]]; then _dev-bin "$@"; else compdef _dev-bin dev-bin; fi
`
}

function fish(commands) {
  const lines = [
    '# fish completions for dev-bin',
    '',
    '# Not `__fish_seen_subcommand_from`: a crate can have the name of a command.',
    'function __dev_bin_is',
    '  set -l words (commandline -opc)',
    '  test "$words[2]" = "$argv[1]"; and test -z "$argv[2]" -o (count $words) -eq "$argv[2]"',
    'end',
    '',
    'complete -c dev-bin -f',
  ]
  const before = quoted("__dev_bin_is ''")
  for (const [name, { summary }] of commands)
    lines.push(`complete -c dev-bin -n ${before} -a ${name} -d ${quoted(summary)}`)
  lines.push(`complete -c dev-bin -n ${before} -s h -l help -d 'help'`)
  lines.push(`complete -c dev-bin -n ${before} -s V -l version -d 'the version'`)
  for (const [name, command] of commands) {
    const within = quoted(`__dev_bin_is ${name}`)
    for (const { name: long, short, value, help, complete } of optionsOf(command)) {
      const parts = [`complete -c dev-bin -n ${within}`]
      if (short !== undefined) parts.push(`-s ${short}`)
      parts.push(`-l ${long}`)
      if (value !== undefined) parts.push('-x')
      if (complete === DIRECTORY) parts.push("-a '(__fish_complete_directories)'")
      if (Array.isArray(complete)) parts.push(`-a ${quoted(complete.join(' '))}`)
      lines.push(`${parts.join(' ')} -d ${quoted(help)}`)
    }
    if (command.words)
      lines.push(`complete -c dev-bin -n ${quoted(`__dev_bin_is ${name} 2`)} -a ${quoted(command.words.join(' '))}`)
    if (command.passesOn)
      lines.push(`complete -c dev-bin -n ${quoted(`__dev_bin_is ${name}; and contains -- -- (commandline -opc)`)} -F`)
  }
  return `${lines.join('\n')}\n`
}

/** Prints the completions of `commands`. */
async function printCompletions({ positionals: [shell] }, commands) {
  if (!SHELLS.includes(shell)) {
    throw new UsageError(
      `${shell === undefined ? 'the shell is missing' : `there are no completions for \`${shell}\``}; there are ${SHELLS.join(', ')}`,
    )
  }
  await write(completions(shell, commands).trimEnd())
  return OK
}

module.exports = { printCompletions }
