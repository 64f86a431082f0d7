// 登录页的文字。
export default {
  title: '登录 gpuyard',
  again: '登录已失效',
  againText: '请重新登录，本页内容不会丢失。',
  key: '访问密钥',
  hint: '即服务器上 config/control_setting.yaml 中的 secret。',
  show: '显示密钥',
  hide: '隐藏密钥',
  enter: '登录',
  wrong: '密钥错误。',
  empty: '请输入密钥。',
  down: '守护进程没有应答',
  downText: '请在服务器的 gpuyard 目录下运行以下命令启动：',
}
