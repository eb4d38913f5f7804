'use strict'

// The commands: their options, their help, and the modules that run them. A command line loads the module of its own
// command alone. Results go to stdout, everything else to stderr.

const { REQUEST } = require('./arguments.js')

const COMMANDS = {
  get: {
    summary: 'print the path of a binary, built if need be',
    usage: '[-p CRATE] [OPTIONS]',
    detail: `Only the path goes to stdout, everything else to stderr. With --json, each event is a line of JSON on stdout as it
happens, and the last line is the result (type "result") or the error (type "error"). Several crates or binaries give one
path a line in the order asked, and with --json an array in the last line. If one fails, the others are built all the same.
With --no-build, a binary that would have to be built gives exit status 3. With --background, it is built by a process of its
own, unless one builds it already; stdout stays empty then, and the exit status is 0.`,
    options: [...REQUEST, 'nice', 'rebuild', 'no-build', 'background', 'cache-dir', 'quiet', 'json'],
    examples: [
      'gateway=$(dev-bin get -p openshell-server --bin openshell-gateway)',
      'dev-bin get -p openshell-server -p openshell-sandbox',
      'dev-bin get -p gateway --out src-tauri/binaries/gateway-{target}{exe}',
      'dev-bin get -p openshell-sandbox --target aarch64-unknown-linux-gnu --scope crate',
      'dev-bin get -p openshell-server --background    # in a git hook',
      'dev-bin get -p openshell-server --json | jq -r \'select(.type == "result").sha256\'',
    ],
    run: (parsed) => require('./get.js').get(parsed),
    jsonError: (error) => require('./get.js').jsonError(error),
  },
  run: {
    summary: 'run a binary, built if need be',
    usage: '[-p CRATE] [OPTIONS] [-- ARGS]',
    detail: `Arguments after -- are passed on. The binary takes the place of this command: it is the same process, with the same
terminal, standard input and output, and it ends as the binary ends. With --watch, it is a child, which is ended with SIGTERM
and started anew when a newer binary is there; the old one runs on until then. The command ends as the binary ends by itself.`,
    options: [...REQUEST, 'watch', 'grace', 'nice', 'rebuild', 'cache-dir', 'quiet'],
    passesOn: true,
    examples: [
      'dev-bin run -p openshell-server --bin openshell-gateway -- --help',
      'dev-bin run -q -p hello',
      'dev-bin run --watch -p hello -- --port 8080',
    ],
    run: (parsed) => require('./run.js').run(parsed),
  },
  watch: {
    summary: 'print the path of a binary now, and whenever it was built again',
    usage: '[-p CRATE] [OPTIONS]',
    detail: `Looks at the inputs until it is ended, and builds when they have changed and been still for 300 ms. A build that fails is
reported on stderr, and the command goes on. With --json, each event, failure (type "failed") and binary (type "result") is
a line of JSON on stdout.`,
    options: [...REQUEST, 'nice', 'rebuild', 'cache-dir', 'quiet', 'json'],
    examples: ['dev-bin watch -p openshell-server', 'dev-bin watch -p openshell-server -p openshell-sandbox --json'],
    run: (parsed) => require('./watch.js').watchBinaries(parsed),
    jsonError: (error) => require('./get.js').jsonError(error),
  },
  why: {
    summary: 'say if a binary would be built, and why; builds nothing',
    usage: '[-p CRATE] [OPTIONS]',
    detail: `Exits with 0 for a hit and 3 for a miss. Fails if a build would fail at once: if a name does not exist, or a toolchain is
not installed.`,
    options: [...REQUEST, 'rebuild', 'cache-dir', 'json'],
    examples: ['dev-bin why -p openshell-server', 'dev-bin why -p hello --repo ~/src/hello --json'],
    run: (parsed) => require('./why.js').why(parsed),
  },
  inputs: {
    summary: 'list the inputs of a binary, and what read them',
    usage: '[-p CRATE] [OPTIONS]',
    detail: `Lists the inputs that the last build here was seen to read; builds nothing. An input without a reader counts by itself.
Runs that may have read more than is known come last, with the reason; they count by what they declare.`,
    options: [...REQUEST, 'cache-dir', 'json'],
    examples: ['dev-bin inputs -p hello', "dev-bin inputs -p hello --json | jq -r '.inputs[].name'"],
    run: (parsed) => require('./inputs.js').listInputs(parsed),
  },
  list: {
    summary: 'list the binaries in the cache',
    usage: '[OPTIONS]',
    detail: `The last used come first; a use is recorded once an hour. Sizes are those on disk. On Linux, the list shows which
binaries a process of this user runs. With --building, lists what is being built now instead: by which process, since when,
and how far it is.`,
    options: ['building', 'cache-dir', 'json'],
    examples: ['dev-bin list', 'dev-bin list --building', "dev-bin list --json | jq '.[] | select(.running).path'"],
    run: (parsed) => require('./cache.js').listEntries(parsed),
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
    run: (parsed) => require('./cache.js').pruneEntries(parsed),
  },
  verify: {
    summary: 'look for binaries that are damaged or stale',
    usage: '[-p CRATE [OPTIONS]]',
    detail: `Without a crate, reads every binary in the cache and compares its digest with its manifest. With a crate, compares its
binary with a fresh build in a target directory of its own, which takes as long as one cold build, or two.
Exits with 1 if a binary is damaged or stale.`,
    options: [...REQUEST, 'cache-dir', 'quiet', 'json'],
    examples: ['dev-bin verify', 'dev-bin verify -p hello'],
    run: (parsed) => require('./verify.js').verifyEntries(parsed),
  },
  remote: {
    summary: "try a team's store, make keys, and put binaries there",
    usage: 'check|keygen FILE|publish [-p CRATE] [OPTIONS]',
    detail: `The variables DEV_BIN_REMOTE_URL, _KEYS, _MODE and _SIGNING_KEY_FILE name the store and the keys.
check puts a small object into the store, gets it and deletes it, and says what is wrong. keygen writes a new private key to
FILE and prints its public key. publish builds a binary, if need be, puts it into the store, and fails if that fails.`,
    options: [...REQUEST, 'cache-dir', 'quiet', 'json'],
    positionals: 2,
    words: ['check', 'keygen', 'publish'],
    examples: [
      'dev-bin remote check',
      'dev-bin remote keygen ~/.config/dev-bin.key',
      'dev-bin remote publish -p hello',
    ],
    run: (parsed) => require('./remote.js').remote(parsed),
  },
  completions: {
    summary: 'print completions for a shell',
    usage: 'bash|zsh|fish',
    options: [],
    positionals: 1,
    words: ['bash', 'zsh', 'fish'],
    examples: [
      'source <(dev-bin completions bash)                                  # in ~/.bashrc',
      'source <(dev-bin completions zsh)                                   # in ~/.zshrc, after compinit',
      'dev-bin completions fish > ~/.config/fish/completions/dev-bin.fish',
    ],
    run: (parsed) => require('./completions.js').printCompletions(parsed, COMMANDS),
  },
}

module.exports = { COMMANDS }
