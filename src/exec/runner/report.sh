# Written by gpuyard: says what this shell finds, at its start and at its end, and changes nothing.
__gpuyard_report() {
    { local -; set +xevu; } 2>/dev/null
    local IFS=$' \t\n' name value upper
    printf '[gpuyard] shell at %s: PATH: %s\n' "$1" "$PATH"
    for name in python conda; do
        value=$(command -v "$name" 2>/dev/null) || value='not found'
        printf '[gpuyard] shell at %s: %s: %s\n' "$1" "$name" "${value%%$'\n'*}"
    done
    printf '[gpuyard] shell at %s: folder: %s\n' "$1" "$PWD"
    for name in $(compgen -e); do
        case $name in
        _ | PATH | PWD | OLDPWD | SHLVL | LS_COLORS) continue ;;
        esac
        value=${!name}
        upper=${name^^}
        if [[ $upper != GPUYARD_* ]] && {
            [[ $upper =~ SECRET|TOKEN|PASSW|PASSPHRASE|CREDENTIAL|PRIVATE|COOKIE|AUTH|API_?KEY|ACCESS_?KEY|(^|_)KEY($|_) ]] ||
                [[ $value =~ ://[^/@[:space:]]+@ ]] ||
                [[ $value =~ ^(sk|pk|ghp|gho|ghs|github_pat|glpat|hf|xox[a-z]|AKIA|ASIA|eyJ)[-_A-Za-z0-9]{8,} ]] ||
                [[ $value =~ ^[-_=+A-Za-z0-9]{32,}$ && $value =~ [0-9] && $value =~ [A-Za-z] ]]
        }; then
            value='(not shown)'
        else
            [[ ${#value} -le 500 ]] || value=${value:0:500}…
            printf -v value %q "$value"
        fi
        printf '[gpuyard]   %s=%s\n' "$name" "$value"
    done
}
trap '__gpuyard_report exit' EXIT
__gpuyard_report start
