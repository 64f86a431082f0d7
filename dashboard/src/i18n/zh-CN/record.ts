// 规则与设置表单共用的文字。
export default {
  yes: '是',
  no: '否',
  none: '无',
  unit: { s: '秒', h: '小时', d: '天' },
  onePerLine: '每行一个',
  mapHint: '变量名=值，每行一个',
  name: '项',
  before: '已保存',
  after: '您的',
  theirs: '对方的',
  clash: '双方都改了',
  choose: '{name}采用哪个值',
  unsaved: '{n} 处修改未保存',
  conflict: '{what}有两个版本',
  diff: '保存将产生的改动',
}
