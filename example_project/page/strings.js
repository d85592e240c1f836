// Every word of the page, in both of its languages. {braces} are filled in by text().

export const STRINGS = {
  en: {
    tagline: "Sign in, and watch what the browser and the API say to each other.",
    signIn: "Sign in",
    signInHint: "manage.py demo printed the names and passwords on its terminal.",
    userName: "Name",
    password: "Password",
    deviceName: "This device",
    deviceDefault: "My browser",
    readOnly: "Ask for the right to read only (notes:read)",
    signedInAs: "Signed in as {name}",
    signOut: "Sign out",
    signedOut: "You are signed out.",
    sessionEnded: "The server ended this session. Please sign in again.",
    secondTab: "Open a second tab",
    keptSignIn: "Signed in. Waiting for the server …",
    tryAgain: "Try again",

    accessToken: "The access token",
    remaining: "Good for {time}",
    expired: "Expired. The next request will fetch a new one.",
    tokenHeader: "Header",
    tokenClaims: "Claims",
    tokenSignature: "Signature",
    signatureMeaning:
      "Made from the two parts above with a key that only the server has. Anybody can read a " +
      "token; nobody else can make one, or change a character of it.",
    verdict_good: "This page has verified it, with the public key that the API publishes:",
    verdict_bad: "This page says: not verified. The signature does not fit the public key.",
    verdict_missing: "The API publishes no such key, so this page cannot verify it.",
    verdict_unable:
      "This browser cannot do Ed25519 here, so the page cannot verify it. The server does so all " +
      "the same, with this key:",
    refresh: "Refresh",
    refreshed: "A new access token, and a new refresh token for the old one.",
    tamper: "Change one character",
    tampered: "Character {position} of the claims was changed ({before}\u00a0→\u00a0{after}). The server says:",

    notes: "Notes",
    noteText: "New note",
    add: "Add",
    delete: "Delete",
    deleteNote: "Delete the note “{text}”",
    noNotes: "No notes yet.",

    sessions: "Where you are signed in",
    unnamed: "Unnamed device",
    thisSession: "this one",
    signedInAt: "Signed in {time}",
    refreshedAt: "Last refreshed {time}",
    signOutSession: "Sign out “{name}”",
    signOutOthers: "Sign out all others",
    reload: "Reload",

    log: "Requests and answers",
    logHint:
      "Open a line to see what was sent and what came back. Passwords are masked, tokens shortened.",
    logEmpty: "Nothing yet.",
    clear: "Clear",
    noAnswer: "no answer",
    unreachable: "The server did not answer.",
    retryAfter: "Too many tries. Try again in {seconds} seconds.",
    failed: "The server answered {status}.",

    where: "Where the tokens live",
    whereAccess:
      "The access token is in the memory of this tab only. It works for a few minutes, and closing " +
      "the tab forgets it.",
    whereRefresh:
      "The refresh token is in the browser’s localStorage, so that other tabs and a later visit " +
      "stay signed in. Each use replaces it. An old copy that is used ends the session.",
    whereTradeOff:
      "The price: a script that an attacker gets to run on this page could read it and use it " +
      "first. That is why this page runs no script but its own and says so to the browser " +
      "(Content-Security-Policy). An HttpOnly cookie would hide the token from scripts, but needs " +
      "protection against forged requests, and the page and the API on one site.",

    claim_alg: "how it is signed",
    claim_kid: "which key signed it",
    claim_typ: "an access token (RFC 9068)",
    claim_iss: "who issued it",
    claim_aud: "whom it is for",
    claim_sub: "whom it is about",
    claim_client_id: "which application asked",
    claim_iat: "issued at {time}",
    claim_exp: "expires at {time}",
    claim_jti: "this token’s own name",
    claim_sid: "its session",
    claim_scope: "what it may do",
    claim_auth_time: "signed in at {time}",
    claim_amr: "how the user proved it",
    claim_preferred_username: "added by this project",
    claim_x: "the public key itself",
  },

  ko: {
    tagline: "로그인하고, 브라우저와 API가 주고받는 내용을 그대로 확인해 보세요.",
    signIn: "로그인",
    signInHint: "사용자 이름과 비밀번호는 manage.py demo를 실행한 터미널에 나와 있습니다.",
    userName: "사용자 이름",
    password: "비밀번호",
    deviceName: "이 기기의 이름",
    deviceDefault: "내 브라우저",
    readOnly: "읽기 권한(notes:read)만 요청하기",
    signedInAs: "{name} 님으로 로그인했습니다",
    signOut: "로그아웃",
    signedOut: "로그아웃했습니다.",
    sessionEnded: "서버가 이 세션을 종료했습니다. 다시 로그인해 주세요.",
    secondTab: "두 번째 탭 열기",
    keptSignIn: "로그인되어 있습니다. 서버의 응답을 기다리는 중입니다 …",
    tryAgain: "다시 시도",

    accessToken: "액세스 토큰",
    remaining: "남은 시간 {time}",
    expired: "만료되었습니다. 다음 요청을 보낼 때 새로 받아 옵니다.",
    tokenHeader: "헤더",
    tokenClaims: "클레임",
    tokenSignature: "서명",
    signatureMeaning:
      "위의 두 부분을 서버만 가진 키로 서명한 값입니다. 토큰은 누구나 읽을 수 있지만, 키가 없으면 " +
      "새로 만들 수도 한 글자를 바꿀 수도 없습니다.",
    verdict_good: "이 페이지가 API에 공개된 공개 키로 서명을 직접 확인했습니다:",
    verdict_bad: "이 페이지에서 확인한 결과: 서명이 공개 키와 맞지 않아 검증에 실패했습니다.",
    verdict_missing: "API가 공개한 키 가운데 이 키가 없어 이 페이지에서는 확인할 수 없습니다.",
    verdict_unable:
      "이 브라우저에서는 Ed25519를 쓸 수 없어 페이지가 서명을 직접 확인하지 못합니다. 서버는 이 키로 " +
      "똑같이 확인합니다:",
    refresh: "갱신",
    refreshed: "새 액세스 토큰을 받았고, 리프레시 토큰도 새것으로 바뀌었습니다.",
    tamper: "한 글자 바꿔 보내기",
    tampered: "클레임의 {position}번째 글자를 바꿔 보냈습니다({before}\u00a0→\u00a0{after}). 서버의 응답:",

    notes: "메모",
    noteText: "새 메모",
    add: "추가",
    delete: "삭제",
    deleteNote: "메모 “{text}” 삭제",
    noNotes: "아직 메모가 없습니다.",

    sessions: "로그인된 기기",
    unnamed: "이름 없는 기기",
    thisSession: "지금 이 기기",
    signedInAt: "로그인 {time}",
    refreshedAt: "마지막 갱신 {time}",
    signOutSession: "“{name}” 로그아웃",
    signOutOthers: "다른 기기 모두 로그아웃",
    reload: "새로 고침",

    log: "요청과 응답",
    logHint: "각 줄을 펼치면 보낸 내용과 받은 내용이 보입니다. 비밀번호는 가리고 토큰은 줄여서 보여 줍니다.",
    logEmpty: "아직 없습니다.",
    clear: "지우기",
    noAnswer: "응답 없음",
    unreachable: "서버가 응답하지 않습니다.",
    retryAfter: "시도가 너무 많습니다. {seconds}초 뒤에 다시 시도해 주세요.",
    failed: "서버 응답: {status}",

    where: "토큰을 보관하는 곳",
    whereAccess:
      "액세스 토큰은 이 탭의 메모리에만 있습니다. 몇 분 동안만 쓸 수 있고, 탭을 닫으면 사라집니다.",
    whereRefresh:
      "리프레시 토큰은 브라우저의 localStorage에 있습니다. 그래서 다른 탭을 열거나 나중에 다시 와도 " +
      "로그인이 유지됩니다. 한 번 쓸 때마다 새것으로 바뀌며, 옛 토큰이 다시 쓰이면 세션이 끝납니다.",
    whereTradeOff:
      "대신 감수해야 할 점도 있습니다. 공격자의 스크립트가 이 페이지에서 실행되면 그 토큰을 읽어 먼저 쓸 수 " +
      "있습니다. 그래서 이 페이지는 자기 스크립트만 실행하도록 브라우저에 지시합니다" +
      "(Content-Security-Policy). HttpOnly 쿠키를 쓰면 스크립트가 토큰을 읽지 못하지만, 위조 " +
      "요청(CSRF)을 따로 막아야 하고 페이지와 API가 같은 사이트에 있어야 합니다.",

    claim_alg: "서명 방식",
    claim_kid: "서명한 키",
    claim_typ: "액세스 토큰 (RFC 9068)",
    claim_iss: "발급한 쪽",
    claim_aud: "토큰을 받는 쪽",
    claim_sub: "토큰의 주인",
    claim_client_id: "요청한 애플리케이션",
    claim_iat: "{time}에 발급",
    claim_exp: "{time}에 만료",
    claim_jti: "이 토큰의 고유 번호",
    claim_sid: "이 토큰이 속한 세션",
    claim_scope: "할 수 있는 일",
    claim_auth_time: "{time}에 로그인",
    claim_amr: "본인 확인 방법",
    claim_preferred_username: "이 프로젝트가 추가한 값",
    claim_x: "공개 키 자체",
  },
};

let language = "en";

export function speak(chosen) {
  language = chosen;
}

// The text for `key`; with no such key, nothing.
export function text(key, values = {}) {
  const template = STRINGS[language][key] ?? "";
  return template.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function date(value, style = { dateStyle: "medium", timeStyle: "short" }) {
  // In the manner of the reader's own country, where that speaks the chosen language.
  const locale = navigator.languages.find((one) => one.startsWith(language)) ?? language;
  return new Intl.DateTimeFormat(locale, style).format(new Date(value));
}
