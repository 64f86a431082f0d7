// The words of the first page, in English: what is loaded before anything is seen.
import frame from './frame'
import gpu from './gpu'
import login from './login'

export default { ...frame, gpu, login }
