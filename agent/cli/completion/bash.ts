/** The completion for bash, version 4 and later (bash(1), "Programmable Completion"). */
import type { ArgumentShape, CommandShape, OptionShape, Values } from './shape.ts';

/** @param name of the program. */
export function bashScript(name: string, shapes: readonly CommandShape[]): string {
  const options = shapes.flatMap((shape) => shape.options.map((option) => optionCase(shape, option)));
  return `# bash completion for ${name}, made by: ${name} completion bash
_${name}_commands() {
  case "$1" in
${shapes
  .filter(({ commands }) => commands.length > 0)
  .map((shape) => entry(keyOf(shape), `echo ${quote(shape.commands.map((each) => each.name).join(' '))}`))
  .join('\n')}
  esac
}

_${name}_options() {
  case "$1" in
${shapes
  .map((shape) => entry(keyOf(shape), `echo ${quote(shape.options.flatMap(({ names }) => names).join(' '))}`))
  .join('\n')}
  esac
}

# What an option takes: nothing for a flag, one value, an optional one, or several.
_${name}_takes() {
  case "$1 $2" in
${options.filter((line) => line !== null).join('\n')}
  esac
}

# What stands at a place of a command, counted from 0.
_${name}_argument() {
  case "$1 $2" in
${shapes.flatMap((shape) => shape.arguments.map((argument, index) => argumentCase(shape, argument, index))).join('\n')}
  esac
}

_${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path= place=0 open= i word takes
  local -a asked=()
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    # Readline makes words of their own out of the = in --option=value, and of colons.
    if [[ $word == = ]]; then continue; fi
    if [[ $word == -* ]]; then
      open=$word
      takes=$(_${name}_takes "$path" "$word")
      [[ $takes == one* || $takes == many* ]] || open=
      continue
    fi
    if [[ -n $open ]]; then
      case "$open" in -s | --settings | --socket) asked+=("$open" "$word") ;; esac
      [[ $takes == many* ]] || open=
      continue
    fi
    case " $(_${name}_commands "$path") " in
      *" $word "*) path="\${path:+$path }$word" place=0 ;;
      *) place=$((place + 1)) ;;
    esac
  done
  if [[ $cur == = ]]; then cur=; fi
  if [[ -n $open && ( $cur != -* || $takes == one* ) ]]; then
    _${name}_offer "\${takes#* }"
  elif [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_${name}_options "$path")" -- "$cur")
  else
    _${name}_offer "$(_${name}_argument "$path" "$place")"
    mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$(_${name}_commands "$path")" -- "$cur")
  fi
}

_${name}_offer() {
  case "$1" in
    files)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      ;;
    directories)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      ;;
    sensors)
      mapfile -t COMPREPLY < <(compgen -W "$(${name} completion words sensors "\${asked[@]}" 2>/dev/null)" -- "$cur")
      ;;
    words\\ *) mapfile -t COMPREPLY < <(compgen -W "\${1#words }" -- "$cur") ;;
  esac
}

complete -F _${name} ${name}
`;
}

function keyOf({ path }: CommandShape): string {
  return path.join(' ');
}

function entry(pattern: string, command: string): string {
  return `    ${quote(pattern)}) ${command} ;;`;
}

function optionCase(shape: CommandShape, { names, value }: OptionShape): string | null {
  if (value === null) return null;
  const takes = value.variadic ? 'many' : value.required ? 'one' : 'maybe';
  const patterns = names.map((name) => quote(`${keyOf(shape)} ${name}`)).join(' | ');
  return `    ${patterns}) echo ${quote(`${takes} ${wordsOf(value.values)}`)} ;;`;
}

/** The last place of a variadic argument is every later one. */
function argumentCase(shape: CommandShape, argument: ArgumentShape, index: number): string {
  const key = keyOf(shape);
  const pattern = argument.variadic ? `${quote(`${key} `)}*` : quote(`${key} ${index}`);
  return `    ${pattern}) echo ${quote(wordsOf(argument.values))} ;;`;
}

function wordsOf(values: Values): string {
  return values.kind === 'words' ? `words ${values.words.join(' ')}` : values.kind;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
