/** The completion for zsh (zshcompsys(1), `_arguments`). */
import type { ArgumentShape, CommandShape, OptionShape, Values } from './shape.ts';

/** @param name of the program. */
export function zshScript(name: string, shapes: readonly CommandShape[]): string {
  return `#compdef ${name}
# zsh completion for ${name}, made by: ${name} completion zsh

_${name}_sensors() {
  local -a asked sensors
  local i
  for ((i = 1; i < $#words; i++)); do
    case $words[i] in -s | --settings | --socket) asked+=("$words[i]" "$words[i+1]") ;; esac
  done
  sensors=(\${(f)"$(${name} completion words sensors $asked 2>/dev/null)"})
  compadd -a sensors
}

${shapes.map((shape) => functionOf(name, shape)).join('\n\n')}

# Read by autoload as the function's own body, or by source.
if [[ $funcstack[1] == _${name} ]]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi
`;
}

function functionOf(name: string, shape: CommandShape): string {
  const called = functionName(name, shape.path);
  const words = shape.options.map((option) => optionWord(name, option));
  if (shape.commands.length === 0) {
    return `${called}() {
  _arguments -s -S${[...words, ...shape.arguments.map((argument, i) => argumentWord(name, argument, i))].map(onLine).join('')}
}`;
  }
  const list = shape.commands.map((each) => `    ${quote(`${plainIn(each.name)}:${each.description}`)}`);
  const cases = shape.commands.map(
    (each) => `        ${each.name}) ${functionName(name, [...shape.path, each.name])} ;;`,
  );
  return `${called}() {
  local context state state_descr line curcontext="$curcontext"
  typeset -A opt_args
  local -a commands
  commands=(
${list.join('\n')}
  )
  _arguments -s -S -C${[...words, quote('1: :->command'), quote('*:: :->rest')].map(onLine).join('')}
  case $state in
    command) _describe -t commands command commands ;;
    rest)
      case $words[1] in
${cases.join('\n')}
      esac
      ;;
  esac
}`;
}

function onLine(word: string): string {
  return ` \\\n    ${word}`;
}

function functionName(name: string, path: readonly string[]): string {
  return path.length === 0 ? `_${name}` : `_${name}__${path.join('__')}`;
}

function optionWord(name: string, { names, description, value }: OptionShape): string {
  const told = `[${description.replace(/[[\]]/g, '\\$&')}]`;
  const takes =
    value === null ? '' : `${value.required ? '' : ':'}:${plainIn(value.name)}:${actionOf(name, value.values)}`;
  const many = value?.variadic ? '*' : '';
  if (names.length === 1) return quote(`${many}${names[0]}${told}${takes}`);
  const others = many === '' ? quote(`(${names.join(' ')})`) : quote(many);
  return `${others}{${names.join(',')}}${quote(`${told}${takes}`)}`;
}

function argumentWord(name: string, argument: ArgumentShape, index: number): string {
  const place = argument.variadic ? '*' : `${index + 1}`;
  return quote(`${place}:${plainIn(argument.description || argument.name)}:${actionOf(name, argument.values)}`);
}

function actionOf(name: string, values: Values): string {
  switch (values.kind) {
    case 'words':
      return `(${values.words.join(' ')})`;
    case 'files':
      return '_files';
    case 'directories':
      return '_files -/';
    case 'sensors':
      return `_${name}_sensors`;
    case 'any':
      return ' ';
  }
}

/** A colon parts the fields of a word that `_arguments` and `_describe` take. */
function plainIn(text: string): string {
  return text.replace(/[\\:]/g, '\\$&');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
