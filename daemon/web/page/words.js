// The page's own labels. What a sale, a problem or the till's health means is
// worded by the API and comes with each of them.
const words = {
  en: {
    sales: 'Last sales', entry: 'Amount', keypad: 'Keypad', erase: 'Delete the last digit', clear: 'Clear',
    qr: 'Show QR', scan: 'Scan customer’s code', next: 'New sale', leave: 'Next customer', again: 'Try again', fresh: 'Try again with a fresh code',
    refund: 'Refund', cancel: 'Cancel', manager: 'Manager', approve: 'Approve', agrees: 'The customer agrees', agreesto: 'The customer agrees to {amount}', close: 'Close', amount: 'Amount', why: 'Reason', give: 'Give the money back', send: 'Send',
    type: 'Scan, or type the code', picture: 'QR code to pay {amount}', check: 'QR code of the face check for {amount}', payin: 'Customer pays in',
    rate: '{rate} (range {range}), {age} s old, holds until {until} ({left} s)', tries: '{n} tries left', lasttry: 'Last try', left: '{amount} is left of this sale', seconds: '{n} s',
    unreachable: 'The till program does not answer. No sale is possible; this page tries again by itself.',
    stale: 'This may be out of date. Do not charge again before the till program answers.',
    unsure: 'No answer yet. Press the same button again: the sale is not opened twice.',
    look: 'No answer yet. Look at what the sale says before you scan again.',
    scanned: 'A code was scanned, but no amount was typed and no sale waits for it.',
    who: 'Your name', looked: 'Your name, who looked at the customer’s telephone', shows: 'It shows a payment', showsnot: 'It shows none', settle: 'Money came, or not …',
    nosales: 'There are no sales yet.', auto: 'by itself', done: 'done', owed: 'promised, not yet sent', working: 'under way', failed: 'failed', held: 'needs a person', other: '中文',
    takeover: 'I have seen how it ended', takenotes: 'What you have seen with your own eyes, on the customer’s telephone or in the merchant app. It frees the counter; the sale is not settled by it and must not be charged again.', note: 'What you have seen', sawpaid: 'Seen: paid', sawunpaid: 'Seen: not paid', bothwanted: 'A name and what you have seen are needed.',
  },
  zh: {
    sales: '最近交易', entry: '金额', keypad: '数字键盘', erase: '删除最后一位', clear: '清除',
    qr: '出示二维码', scan: '扫顾客付款码', next: '新交易', leave: '下一位顾客', again: '重试', fresh: '换新付款码重试',
    refund: '退款', cancel: '取消', manager: '主管', approve: '批准', agrees: '顾客同意', agreesto: '顾客同意支付 {amount}', close: '关闭', amount: '金额', why: '原因', give: '确认退款', send: '发送',
    type: '请扫码，或输入付款码', picture: '付款二维码 {amount}', check: '活体验证二维码 {amount}', payin: '顾客支付币种',
    rate: '{rate}（区间 {range}），{age} 秒前获取，有效至 {until}（还剩 {left} 秒）', tries: '还可尝试 {n} 次', lasttry: '最后一次机会', left: '本单可退 {amount}', seconds: '{n} 秒',
    unreachable: '收款程序没有响应，暂时无法收款；页面会自动重试。',
    stale: '以上状态可能已过时。收款程序恢复前，请勿重复收款。',
    unsure: '尚未收到答复。请再按同一按钮，不会重复开单。',
    look: '尚未收到答复。再次扫码前，请先查看本单状态。',
    scanned: '扫到付款码，但未输入金额，也没有等待扫码的交易。',
    who: '您的姓名', looked: '查看顾客手机的人', shows: '显示已付款', showsnot: '未显示付款', settle: '登记是否到账…',
    nosales: '暂无交易。', auto: '自动', done: '已完成', owed: '已承诺，尚未发出', working: '处理中', failed: '失败', held: '需人工处理', other: 'English',
    takeover: '我已看到结果', takenotes: '请填写您亲眼在顾客手机或商户应用中看到的结果。收银台可接待下一位；本单并未因此结清，请勿重复收款。', note: '您看到了什么', sawpaid: '看到：已付款', sawunpaid: '看到：未付款', bothwanted: '请填写姓名和您看到的内容。',
  },
};

export const lang = document.documentElement.lang.startsWith('zh') ? 'zh' : 'en';

// t is a label in the page's language; a name in braces is filled in.
export const t = (name, values = {}) => words[lang][name].replace(/\{(\w+)\}/g, (_, key) => values[key]);

// say is a text of the API in the page's language.
export const say = (text) => text[lang];
