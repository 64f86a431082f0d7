// 版本对比的文字。
export default {
  gap: '{n} 行相同',
  before: '已保存',
  after: '修改后',
}
