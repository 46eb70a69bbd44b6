//! The page to chat on: one file, which asks for nothing from elsewhere.
//!
//! Its policy lets it run its own script, which carries a nonce of this response, and talk to this
//! server; nothing else, whatever a model or a conversation may contain.

use loopback_server::StatusCode;
use loopback_server::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, X_FRAME_OPTIONS,
};
use loopback_server::message::{Response, whole};

use super::token;

/// The page. `{nonce}` stands for the nonce.
const PAGE: &str = include_str!("page.html");

/// The response with the page.
pub fn response() -> Response {
    let nonce = token::name();
    let page = PAGE.replace("{nonce}", &nonce);
    let mut response = whole(StatusCode::OK, "text/html; charset=utf-8", page);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    let opener = HeaderName::from_static("cross-origin-opener-policy");
    headers.insert(opener, HeaderValue::from_static("same-origin"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_asks_for_nothing_from_elsewhere_and_writes_no_html() {
        for word in [
            "http://",
            "https://",
            "//cdn",
            "url(",
            "@import",
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "onclick=",
            "onload=",
            " style=\"",
        ] {
            assert!(!PAGE.contains(word), "{word}");
        }
        assert_eq!(PAGE.matches("{nonce}").count(), 2);
        assert_eq!(PAGE.matches("<script").count(), 1);
        assert_eq!(PAGE.matches("<style").count(), 1);
    }

    #[test]
    fn each_response_has_its_own_nonce() {
        let policy = || {
            let response = response();
            response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_string()
        };
        let (one, two) = (policy(), policy());
        assert_ne!(one, two);
        assert!(one.contains("default-src 'none'") && !one.contains("unsafe"));
    }
}
