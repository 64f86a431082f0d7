// Words of the login.
export default {
  title: 'Log in to gpuyard',
  again: 'The login has ended',
  againText: 'Log in again; nothing on this page is lost.',
  key: 'Access key',
  hint: 'The line “secret” in config/control_setting.yaml on the server.',
  show: 'Show the key',
  hide: 'Hide the key',
  enter: 'Log in',
  wrong: 'Wrong key.',
  empty: 'Enter the key.',
  down: 'The daemon does not answer',
  downText: 'On the server, in the folder of gpuyard, this starts it:',
}
