// All strings of the page, in both languages. text() replaces {placeholders}.

export const STRINGS = {
  en: {
    tagline: "Sign in and watch the requests of the browser and the responses of the API.",
    signIn: "Sign in",
    signInHint: "The terminal of manage.py demo shows the usernames and passwords.",
    userName: "Username",
    password: "Password",
    deviceName: "Name of this device",
    deviceDefault: "My browser",
    readOnly: "Request read access only (notes:read)",
    signedInAs: "Signed in as {name}",
    signOut: "Sign out",
    signedOut: "You are signed out.",
    sessionInactive: "The session expired or was revoked. Please sign in again.",
    secondTab: "Open a second tab",
    keptSignIn: "Signed in. Waiting for the server …",
    tryAgain: "Try again",

    accessToken: "The access token",
    remaining: "Expires in {time}",
    expired: "Expired. The next request refreshes it.",
    tokenHeader: "Header",
    tokenClaims: "Claims",
    tokenSignature: "Signature",
    signatureMeaning:
      "The server signs the two parts above with its private key. Any client can read a token, but " +
      "only the server can make or change one.",
    verdict_valid: "This page verified the signature with the public key that the API publishes:",
    verdict_invalid: "This page checked it too: the signature does not match the public key.",
    verdict_missing: "This page cannot verify it: the API does not publish this key.",
    verdict_unsupported:
      "This page cannot verify it, because the browser does not support Ed25519 here. The server " +
      "verifies it with this key:",
    refresh: "Refresh",
    refreshed: "Received a new access token and a new refresh token.",
    tamper: "Change one character",
    tampered: "Changed character {position} of the claims ({before}\u00a0→\u00a0{after}). The server responds:",

    notes: "Notes",
    noteText: "New note",
    add: "Add",
    delete: "Delete",
    deleteNote: "Delete the note “{text}”",
    noNotes: "No notes yet.",

    parties: "Who calls whom",
    partiesHint:
      "The latest accepted calls with a token, newest first, and the rights of the token. A repeated " +
      "call is listed once.",
    partyPage: "This page calls the API and the report service, which stores no notes.",
    partyReports:
      "The report service verifies your token with the public keys of the API. It exchanges your " +
      "token for one that can only read notes. The new token names the service.",
    partyScript: "A script of alice has an API token, and reads her notes each minute.",
    partyAccount: "A service account gets a token for itself, and reads statistics each minute.",
    createReport: "Create a report",
    reportCreated: "The report service counted {notes} notes with {words} words.",
    party_browser: "browser",
    party_api: "API",
    party_reports: "report service",
    "party_service/reports": "report service",
    "party_service/statistics": "service account",
    party_script: "script",
    sends: "sends",
    gets: "gets",
    kind_access_token: "access token",
    kind_token_exchange: "exchanged token",
    kind_client_credentials: "token of a service account",
    kind_api_token: "API token",
    rightsAudience: "for {aud}",
    rightsScope: "scope {scope}",
    rightsActor: "{actor} acts for the user",

    sessions: "Your sessions",
    unnamed: "Unnamed device",
    thisSession: "current",
    signedInAt: "Signed in {time}",
    refreshedAt: "Last refreshed {time}",
    signOutSession: "Sign out “{name}”",
    signOutOthers: "Sign out all others",
    reload: "Reload",

    log: "Requests and responses",
    logHint:
      "Open a line to see the request and the response. Passwords are masked and tokens shortened.",
    logEmpty: "Nothing yet.",
    clear: "Clear",
    noResponse: "no response",
    unreachable: "The server does not respond.",
    retryAfter: "Too many attempts. Try again in {seconds} seconds.",
    failed: "The server responded with {status}.",

    where: "Where the tokens are stored",
    whereAccess:
      "The access token is only in the memory of this tab. It is valid for a few minutes, and " +
      "closing the tab deletes it.",
    whereRefresh:
      "The refresh token is in the browser’s localStorage, so other tabs and later visits stay " +
      "signed in. Each use replaces it. Using an old copy revokes the session.",
    whereTradeOff:
      "The drawback: if an attacker runs a script on this page, the script can read the token and " +
      "use it. Therefore the browser may only run the scripts of this page " +
      "(Content-Security-Policy). Scripts cannot read an HttpOnly cookie, but a cookie needs " +
      "CSRF protection, and the page and the API must be on one site.",

    claim_alg: "signature algorithm",
    claim_kid: "id of the signing key",
    claim_typ: "an access token (RFC 9068)",
    claim_iss: "issuer",
    claim_aud: "audience",
    claim_sub: "the user",
    claim_client_id: "the client application",
    claim_iat: "issued at {time}",
    claim_exp: "expires at {time}",
    claim_jti: "id of the token",
    claim_sid: "id of the session",
    claim_scope: "permitted actions",
    claim_auth_time: "signed in at {time}",
    claim_amr: "authentication methods",
    claim_preferred_username: "extra claim of this project",
    claim_x: "the public key",
  },

  ko: {
    tagline: "로그인하고 브라우저의 요청과 API의 응답을 확인해 보세요.",
    signIn: "로그인",
    signInHint: "manage.py demo를 실행한 터미널에 사용자 이름과 비밀번호가 나와 있습니다.",
    userName: "사용자 이름",
    password: "비밀번호",
    deviceName: "이 기기의 이름",
    deviceDefault: "내 브라우저",
    readOnly: "읽기 권한만 요청하기(notes:read)",
    signedInAs: "{name} 님으로 로그인했습니다",
    signOut: "로그아웃",
    signedOut: "로그아웃했습니다.",
    sessionInactive: "세션이 만료되었거나 폐기되었습니다. 다시 로그인해 주세요.",
    secondTab: "두 번째 탭 열기",
    keptSignIn: "로그인되어 있습니다. 서버의 응답을 기다리는 중입니다 …",
    tryAgain: "다시 시도",

    accessToken: "액세스 토큰",
    remaining: "만료까지 {time}",
    expired: "만료되었습니다. 다음 요청을 보낼 때 갱신합니다.",
    tokenHeader: "헤더",
    tokenClaims: "클레임",
    tokenSignature: "서명",
    signatureMeaning:
      "서버가 위의 두 부분을 개인 키로 서명합니다. 토큰은 모든 클라이언트가 읽을 수 있지만, 만들거나 " +
      "바꿀 수 있는 것은 서버뿐입니다.",
    verdict_valid: "이 페이지가 API에서 받은 공개 키로 서명을 검증했습니다:",
    verdict_invalid: "이 페이지도 검증했습니다: 서명이 공개 키와 일치하지 않습니다.",
    verdict_missing: "API가 이 키를 공개하지 않아 이 페이지에서는 검증할 수 없습니다.",
    verdict_unsupported:
      "이 브라우저가 여기서 Ed25519를 지원하지 않아 이 페이지에서는 검증할 수 없습니다. 서버는 이 키로 " +
      "검증합니다:",
    refresh: "갱신",
    refreshed: "새 액세스 토큰과 새 리프레시 토큰을 받았습니다.",
    tamper: "한 글자 바꿔 보내기",
    tampered: "클레임의 {position}번째 글자를 바꿨습니다({before}\u00a0→\u00a0{after}). 서버의 응답:",

    notes: "메모",
    noteText: "새 메모",
    add: "추가",
    delete: "삭제",
    deleteNote: "메모 “{text}” 삭제",
    noNotes: "아직 메모가 없습니다.",

    parties: "누가 누구를 호출하나요",
    partiesHint:
      "토큰을 보내거나 받은 최근 호출을 최신순으로, 토큰의 권한과 함께 보여 줍니다. 같은 호출은 한 번만 나옵니다.",
    partyPage: "이 페이지는 API와 보고서 서비스를 호출합니다. 보고서 서비스는 메모를 저장하지 않습니다.",
    partyReports:
      "보고서 서비스는 API의 공개 키로 토큰을 검증합니다. 메모를 읽을 때는 이 토큰을, 메모 읽기만 허용하고 " +
      "보고서 서비스의 이름이 적힌 새 토큰으로 교환합니다.",
    partyScript: "alice의 스크립트는 API 토큰으로 1분마다 메모를 읽습니다.",
    partyAccount: "서비스 계정은 자신의 이름으로 토큰을 받아 1분마다 통계를 읽습니다.",
    createReport: "보고서 만들기",
    reportCreated: "보고서: 메모 {notes}개, 단어 {words}개.",
    party_browser: "브라우저",
    party_api: "API",
    party_reports: "보고서 서비스",
    "party_service/reports": "보고서 서비스",
    "party_service/statistics": "서비스 계정",
    party_script: "스크립트",
    sends: "보냄",
    gets: "받음",
    kind_access_token: "액세스 토큰",
    kind_token_exchange: "교환한 토큰",
    kind_client_credentials: "서비스 계정의 토큰",
    kind_api_token: "API 토큰",
    rightsAudience: "대상 {aud}",
    rightsScope: "권한 {scope}",
    rightsActor: "사용자를 대신하는 서비스: {actor}",

    sessions: "내 세션",
    unnamed: "이름 없는 기기",
    thisSession: "현재 세션",
    signedInAt: "로그인 {time}",
    refreshedAt: "마지막 갱신 {time}",
    signOutSession: "“{name}” 로그아웃",
    signOutOthers: "다른 세션 모두 로그아웃",
    reload: "새로 고침",

    log: "요청과 응답",
    logHint: "각 줄을 펼치면 요청과 응답이 보입니다. 비밀번호는 가리고 토큰은 줄여서 보여 줍니다.",
    logEmpty: "아직 없습니다.",
    clear: "지우기",
    noResponse: "응답 없음",
    unreachable: "서버가 응답하지 않습니다.",
    retryAfter: "시도가 너무 많습니다. {seconds}초 뒤에 다시 시도해 주세요.",
    failed: "서버 응답: {status}",

    where: "토큰을 보관하는 곳",
    whereAccess:
      "액세스 토큰은 이 탭의 메모리에만 있습니다. 몇 분 동안 유효하고, 탭을 닫으면 사라집니다.",
    whereRefresh:
      "리프레시 토큰은 브라우저의 localStorage에 있어서, 다른 탭을 열거나 나중에 다시 와도 로그인이 " +
      "유지됩니다. 사용할 때마다 새 토큰으로 바뀌며, 이전 토큰을 사용하면 세션이 종료됩니다.",
    whereTradeOff:
      "단점: 공격자가 이 페이지에서 스크립트를 실행하면 그 스크립트가 토큰을 읽고 사용할 수 있습니다. 그래서 " +
      "브라우저는 이 페이지의 스크립트만 실행할 수 있습니다(Content-Security-Policy). HttpOnly 쿠키는 " +
      "스크립트가 읽을 수 없지만, 위조 요청(CSRF)에 대한 보호가 필요하고 페이지와 API가 같은 사이트에 있어야 " +
      "합니다.",

    claim_alg: "서명 알고리즘",
    claim_kid: "서명 키의 ID",
    claim_typ: "액세스 토큰 (RFC 9068)",
    claim_iss: "발급자",
    claim_aud: "대상(audience)",
    claim_sub: "사용자",
    claim_client_id: "클라이언트 애플리케이션",
    claim_iat: "{time}에 발급",
    claim_exp: "{time}에 만료",
    claim_jti: "토큰의 ID",
    claim_sid: "세션의 ID",
    claim_scope: "허용된 작업",
    claim_auth_time: "{time}에 로그인",
    claim_amr: "인증 수단",
    claim_preferred_username: "이 프로젝트가 추가한 클레임",
    claim_x: "공개 키",
  },
};

let language = "en";

export function setLanguage(chosen) {
  language = chosen;
}

// Return the string of `key`, or an empty string if there is none.
export function text(key, values = {}) {
  const template = STRINGS[language][key] ?? "";
  return template.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function date(value, style = { dateStyle: "medium", timeStyle: "short" }) {
  // Prefer the regional format of the browser if it has the chosen language.
  const locale = navigator.languages.find((one) => one.startsWith(language)) ?? language;
  return new Intl.DateTimeFormat(locale, style).format(new Date(value));
}
