"""The session model: relations, validation and contents of its rows."""

from __future__ import annotations

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from django.core.management import call_command

from django_tokenauth import services
from django_tokenauth.models import Session
from tests.support.clock import NOW, after


class TestSession:
    @pytest.mark.django_db
    def test_user_has_its_sessions_as_related_objects(self, alice, bob):
        session = services.sign_in(alice, now=NOW).session
        services.sign_in(bob, now=NOW)
        assert list(alice.tokenauth_sessions.all()) == [session]

    @pytest.mark.django_db
    def test_session_row_is_kept_after_deletion_of_its_user(self, alice):
        pk = services.sign_in(alice, now=NOW).session.pk
        alice.delete()
        assert Session.objects.get(pk=pk).user is None

    @pytest.mark.promise(12)
    @pytest.mark.standard("rfc6749-10.3-1", "rfc9700-4.9.3-1")
    @pytest.mark.attack(141)
    @pytest.mark.django_db
    def test_session_row_contains_no_part_of_a_token(self, alice):
        first = services.sign_in(alice, device_name="Alice's phone", user_agent="Browser", now=NOW)
        second = services.refresh(first.refresh_token, now=after(minutes=1))
        stored = serializers.serialize("json", Session.objects.all())
        assert "Alice's phone" in stored
        for pair in (first, second):
            for token in (pair.access_token, pair.refresh_token):
                assert not [part for part in token.split(".") if part in stored]

    @pytest.mark.django_db
    def test_session_ip_must_be_an_ip_address(self, alice):
        session = services.sign_in(alice, ip="2001:db8::1", now=NOW).session
        session.refresh_from_db()
        assert session.ip == "2001:db8::1"
        session.ip = "somewhere"
        with pytest.raises(ValidationError, match="ip"):
            session.full_clean()


@pytest.mark.django_db
def test_migration_matches_the_models(settings):
    # With --nomigrations, pytest-django has set MIGRATION_MODULES to an object that hides them.
    settings.MIGRATION_MODULES = {}
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
