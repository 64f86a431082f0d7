// Words of forms of values by name: rules and settings.
export default {
  yes: 'yes',
  no: 'no',
  none: 'none',
  unit: { s: 's', h: 'h', d: 'd' },
  onePerLine: 'One a line',
  mapHint: 'NAME=value, one a line',
  name: 'Key',
  before: 'Saved',
  after: 'Yours',
  theirs: 'Theirs',
  clash: 'both changed',
  choose: 'Which value stands for {name}',
  unsaved: '1 unsaved change | {n} unsaved changes',
  conflict: 'Two versions of the {what}',
  diff: 'What a save changes',
}
