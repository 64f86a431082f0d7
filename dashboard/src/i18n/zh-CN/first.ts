// 首屏所需的中文文字，最先加载。
import type { First } from '../en'
import frame from './frame'
import gpu from './gpu'
import login from './login'

const first: First = { ...frame, gpu, login }
export default first
