//! Authorization: may this token do what the request asks?

use crate::{
    claims::scalar_text,
    decision::Permit,
    issuer::Issuer,
    path::{CanonicalPath, percent_decode},
    pattern::PathPattern,
    reject::Reject,
    request::Request,
    rule::{Rule, Test},
    tape::{Kind, Value},
    validate::Valid,
};

impl Valid<'_> {
    /// Holds the token against the conditions of a rule.
    ///
    /// # Errors
    ///
    /// [`Reject::IssuerNotPermitted`], [`Reject::ScopeInsufficient`],
    /// [`Reject::ClaimConditionFailed`], or [`Reject::ClaimMalformed`] for a scope claim that is
    /// none.
    pub(crate) fn authorize<'p>(
        self,
        rule: &'p Rule,
        issuer: &'p Issuer,
        request: &Request<'_>,
        path: &CanonicalPath<'_>,
    ) -> Result<Permit<'p>, Reject> {
        if !rule.issuers.is_empty() && !rule.issuers.contains(&issuer.name) {
            return Err(Reject::IssuerNotPermitted);
        }
        if !rule.scopes.is_empty() {
            let held = self.scopes()?;
            let holds = |scope: &String| held.contain(self.claims(), scope);
            let any = &rule.scopes.any;
            if !rule.scopes.all.iter().all(holds) || (!any.is_empty() && !any.iter().any(holds)) {
                return Err(Reject::ScopeInsufficient);
            }
        }
        let held = rule.claims.iter().all(|condition| {
            condition
                .claim
                .find(self.claims())
                .is_some_and(|claim| condition.test.holds(claim, rule, request, path))
        });
        if held {
            Ok(Permit::new(Some(rule), Some(issuer)))
        } else {
            Err(Reject::ClaimConditionFailed)
        }
    }
}

impl Test {
    pub(crate) fn holds(
        &self,
        claim: Value<'_>,
        rule: &Rule,
        request: &Request<'_>,
        path: &CanonicalPath<'_>,
    ) -> bool {
        match self {
            Self::Present => true,
            Self::OneOf(values) => values.contains(&claim.to_json()),
            Self::Contains(value) => match claim.kind() {
                Kind::Array(mut items) => items.any(|(_, item)| item.to_json() == *value),
                _ => claim.to_json() == *value,
            },
            Self::EqualsHeader(name) => {
                let mut values = request.values(name.as_bytes());
                // One value, once: of two, the server behind might read the other.
                match (values.next(), values.next(), scalar_text(claim)) {
                    (Some(value), None, Some(text)) => !text.is_empty() && value == text.as_bytes(),
                    _ => false,
                }
            }
            Self::EqualsSegment(place) => {
                // A route may name this rule for a path that its template does not fit; then the
                // place means nothing.
                let fits = rule.matcher.as_ref().is_some_and(|matcher| {
                    matches!(&matcher.path, PathPattern::Template(_)) && matcher.path.matches(path)
                });
                match (path.segments().nth(*place), scalar_text(claim)) {
                    (Some(segment), Some(text)) if fits => {
                        percent_decode(segment.as_bytes()) == text.as_bytes()
                    }
                    _ => false,
                }
            }
        }
    }
}
