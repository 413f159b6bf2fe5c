# Sourced, not run. Can the next step be done as root? Sets AS_ROOT to "" (we are root) or "sudo";
# otherwise returns 1 and sets WHY to the reason, a piece of a sentence.
get_root() {
    AS_ROOT= WHY=
    [ "$(id -u)" = 0 ] && return 0
    if ! command -v sudo >/dev/null 2>&1; then
        WHY="this is not root and there is no sudo"
        return 1
    fi
    AS_ROOT=sudo
    sudo -n true 2>/dev/null && return 0
    # A password can only be asked for where someone can type it.
    if [ -t 0 ] && [ -t 2 ]; then
        sudo -v && return 0
        WHY="sudo was refused"
    else
        WHY="sudo would ask for a password and nobody is there to type it"
    fi
    return 1
}
