-- Four partitions by the id of the session, in one transaction and without other writers.
ALTER TABLE django_tokenauth_session RENAME TO django_tokenauth_session_whole;
CREATE TABLE django_tokenauth_session
    (LIKE django_tokenauth_session_whole INCLUDING ALL) PARTITION BY HASH (id);
CREATE TABLE django_tokenauth_session_0 PARTITION OF django_tokenauth_session
    FOR VALUES WITH (MODULUS 4, REMAINDER 0);
CREATE TABLE django_tokenauth_session_1 PARTITION OF django_tokenauth_session
    FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE django_tokenauth_session_2 PARTITION OF django_tokenauth_session
    FOR VALUES WITH (MODULUS 4, REMAINDER 2);
CREATE TABLE django_tokenauth_session_3 PARTITION OF django_tokenauth_session
    FOR VALUES WITH (MODULUS 4, REMAINDER 3);
-- LIKE copies no foreign keys. If the project has its own user model, replace auth_user by the
-- table of that model.
ALTER TABLE django_tokenauth_session ADD FOREIGN KEY (user_id) REFERENCES auth_user (id)
    DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE django_tokenauth_session ADD FOREIGN KEY (actor_id) REFERENCES auth_user (id)
    DEFERRABLE INITIALLY DEFERRED;
INSERT INTO django_tokenauth_session SELECT * FROM django_tokenauth_session_whole;
DROP TABLE django_tokenauth_session_whole;
-- The names by which later migrations know the indexes.
ALTER INDEX django_tokenauth_session_user_id_created_at_idx RENAME TO tokenauth_session_user;
ALTER INDEX django_tokenauth_session_idle_expires_at_idx RENAME TO tokenauth_session_expires;
ALTER INDEX django_tokenauth_session_actor_id_idx RENAME TO tokenauth_session_actor;
