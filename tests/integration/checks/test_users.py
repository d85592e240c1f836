"""Database check W025: stored password hashes that the first hasher did not make."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import ScryptPasswordHasher, make_password
from django.core.checks import WARNING
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_tokenauth.checks import check_database

pytestmark = [pytest.mark.django_db, pytest.mark.attack(145)]

HASHERS = "django.contrib.auth.hashers."
FAST_PBKDF2 = "tests.support.hashers.FastPBKDF2"
PASSWORD = "correct horse"


def warnings(databases=("default",)):
    return [
        message for message in check_database(databases=databases) if message.id == "tokenauth.W025"
    ]


def create_users(*passwords):
    user_model = get_user_model()
    user_model.objects.bulk_create(
        user_model(username=f"user {number}", password=password)
        for number, password in enumerate(passwords)
    )


@pytest.fixture(autouse=True)
def _hashers(settings):
    settings.PASSWORD_HASHERS = [
        f"{HASHERS}MD5PasswordHasher",
        FAST_PBKDF2,
        f"{HASHERS}ScryptPasswordHasher",
    ]


@pytest.mark.promise(13)
def test_password_hash_of_another_hasher_is_a_check_warning():
    pbkdf2 = make_password(PASSWORD, hasher="pbkdf2_sha256")
    scrypt = make_password(PASSWORD, hasher="scrypt")
    create_users(make_password(PASSWORD), pbkdf2, pbkdf2, scrypt)
    [message] = warnings()
    assert message.level == WARNING
    assert message.msg == (
        "3 of the sampled users have a password hash that the first of PASSWORD_HASHERS did not "
        "make (pbkdf2_sha256: 2, scrypt: 1). The response time of a sign-in shows that their "
        "usernames exist."
    )
    assert message.hint == (
        "Wrap the old hashes in the first hasher, as Django's documentation describes in "
        '"Password upgrading without requiring a login". If it already takes as long, silence '
        "this check."
    )
    assert pbkdf2 not in message.msg


@pytest.mark.parametrize("password", ["!", "", "unknown$hash", "scrypt$malformed", "plain"])
def test_unusable_and_unknown_password_hashes_give_no_warning(settings, password):
    """Django runs the first hasher for them, or cannot verify them."""
    settings.PASSWORD_HASHERS = [f"{HASHERS}ScryptPasswordHasher"]
    create_users(password, make_password(None))
    assert warnings() == []


def test_password_hash_of_the_first_hasher_gives_no_warning(settings):
    settings.PASSWORD_HASHERS = [FAST_PBKDF2, f"{HASHERS}MD5PasswordHasher"]
    create_users(make_password(PASSWORD), make_password(PASSWORD))
    assert warnings() == []


class OtherScrypt(ScryptPasswordHasher):
    work_factor = 2**10


def test_scrypt_hash_with_other_parameters_is_a_check_warning(settings):
    """Django does not adjust the time of scrypt and Argon2."""
    create_users(OtherScrypt().encode(PASSWORD, "salt"))
    settings.PASSWORD_HASHERS = [f"{HASHERS}ScryptPasswordHasher"]
    [message] = warnings()
    assert "(scrypt with other parameters: 1)" in message.msg


def test_pbkdf2_hash_with_fewer_rounds_gives_no_warning(settings):
    """Django runs the missing rounds after a wrong password."""
    settings.PASSWORD_HASHERS = [f"{HASHERS}PBKDF2PasswordHasher"]
    create_users("pbkdf2_sha256$1000$" + "salt" * 6 + "$hash")
    assert warnings() == []


def test_hasher_check_samples_old_and_new_users_in_two_queries():
    md5, pbkdf2 = make_password(PASSWORD), make_password(PASSWORD, hasher="pbkdf2_sha256")
    create_users(*[pbkdf2] * 2, *[md5] * 1100, pbkdf2)
    with CaptureQueriesContext(connection) as captured:
        [message] = warnings()
    reads = [query["sql"] for query in captured if "password" in query["sql"]]
    assert len([sql for sql in reads if sql.startswith("SELECT")]) == 2
    assert message.msg.startswith("3 of the sampled users")


def test_hasher_check_samples_500_oldest_and_500_newest_users():
    create_users(*[make_password(PASSWORD)] * 1002)
    keys = list(get_user_model().objects.order_by("pk").values_list("pk", flat=True))
    pbkdf2 = make_password(PASSWORD, hasher="pbkdf2_sha256")
    get_user_model().objects.filter(pk__in=keys[500:502]).update(password=pbkdf2)
    assert warnings() == []
    get_user_model().objects.filter(pk__in=keys[499:503]).update(password=pbkdf2)
    assert warnings()[0].msg.startswith("2 of the sampled users")


def test_hasher_check_reads_only_users_of_selected_databases(django_assert_num_queries):
    create_users(make_password(PASSWORD, hasher="scrypt"))
    with django_assert_num_queries(0):
        assert warnings(None) == warnings([]) == warnings(["other"]) == []


class UserRouter:
    """A router that stores the users in another database."""

    def db_for_read(self, model, **hints):
        return "users" if model is get_user_model() else None


def test_hasher_check_skips_users_in_another_database(settings):
    create_users(make_password(PASSWORD, hasher="scrypt"))
    settings.DATABASE_ROUTERS = [UserRouter()]
    assert warnings() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("missing", ["table", "column"])
def test_missing_user_table_or_column_gives_no_warning(missing):
    """``migrate`` runs the check before it creates the table."""
    quote = connection.ops.quote_name
    table, column, other = (quote(name) for name in ("auth_user", "password", "elsewhere"))
    change, undo = (
        (f"ALTER TABLE {table} RENAME TO {other}", f"ALTER TABLE {other} RENAME TO {table}")
        if missing == "table"
        else (
            f"ALTER TABLE {table} RENAME COLUMN {column} TO {other}",
            f"ALTER TABLE {table} RENAME COLUMN {other} TO {column}",
        )
    )
    with connection.cursor() as cursor:
        cursor.execute(change)
    try:
        assert warnings() == []
    finally:
        with connection.cursor() as cursor:
            cursor.execute(undo)
