# Sourced by `breaks` and `mutants`, with a name: goes to a copy of the source in which files may be broken, and sets
# $copy, $log and $patches (tests/NAME/). The copy is removed at the end.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec </dev/null
export CARGO_TERM_COLOR=never RUST_BACKTRACE=0
if ! command -v git >/dev/null; then
    echo "skipped: there is no git to apply patches with"
    exit 0
fi
patches=$PWD/tests/$1
mkdir -p "${CARGO_TARGET_DIR:-target}"
CARGO_TARGET_DIR=$(cd "${CARGO_TARGET_DIR:-target}" && pwd -P)
# The copy is no part of a repository that may be above it.
export CARGO_TARGET_DIR GIT_CEILING_DIRECTORIES=$CARGO_TARGET_DIR
copy=$CARGO_TARGET_DIR/$1
log=$CARGO_TARGET_DIR/$1.log
rm -rf "$copy"
mkdir "$copy"
trap 'rm -rf "$copy" "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cp -r Cargo.toml Cargo.lock src tests examples README.md "$copy"
cd "$copy"
# Under another version, or cargo would take what is built here for builds of the original.
sed -i "/^name = \"nbcaser\"\$/{n;s/^version = .*/version = \"0.0.0-$1\"/}" Cargo.toml Cargo.lock
