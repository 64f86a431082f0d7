// Words for two versions of something.
export default {
  gap: '1 equal line | {n} equal lines',
  before: 'Saved',
  after: 'With your changes',
}
