import { describe, expect, it } from 'vitest';
import { messageOf, storeProblem } from '../../../src/store/redis/errors.ts';

function replyError(message: string): Error {
  return Object.assign(new Error(message), {
    name: 'ReplyError',
    command: { name: 'auth', args: ['me', 'secret'] },
  });
}

describe('an error of Redis', () => {
  it.each([
    ["OOM command not allowed when used memory > 'maxmemory'.", 'store-unavailable', 'it is out of memory'],
    ['ERR Error running script: @user_script:1: -OOM command not allowed', 'store-unavailable', 'it is out of memory'],
    ["READONLY You can't write against a read only replica.", 'store-unavailable', 'read-only replica'],
    ['ERR Error running script (call to f_1): @user_script:9: -READONLY no', 'store-unavailable', 'read-only replica'],
    ['MISCONF Redis is configured to save RDB snapshots', 'store-unavailable', 'cannot save to its disk'],
    ['LOADING Redis is loading the dataset in memory', 'store-unavailable', 'still loading'],
    ['MASTERDOWN Link with MASTER is down', 'store-unavailable', 'primary is away'],
    ['NOREPLICAS Not enough good replicas to write.', 'store-unavailable', 'too few of its replicas'],
    ['CLUSTERDOWN Hash slot not served', 'store-unavailable', 'cluster is down'],
    ['Too many Cluster redirections. Last error: ReplyError: TRYAGAIN x', 'store-unavailable', 'being resharded'],
    ['NOAUTH Authentication required.', 'store-unavailable', 'asks for a password'],
    ["NOPERM User me has no permissions to run the 'evalsha' command", 'store-unavailable', 'may not do this'],
    ['ERR unknown command', 'store-unavailable', 'it refused the command'],
  ])('%s', (message, code, reason) => {
    const problem = storeProblem(replyError(message));
    expect(problem.code).toBe(code);
    expect(problem.message).toContain(reason);
    expect(problem.retryAfterSeconds).toBe(1);
  });

  it('is told without the arguments of its command, which may be secrets', () => {
    const { cause } = storeProblem(replyError('WRONGPASS invalid username-password pair'));
    expect(cause).toBeInstanceOf(Error);
    expect((cause as Error).message).toBe('WRONGPASS invalid username-password pair');
    expect(JSON.stringify(cause, Object.getOwnPropertyNames(cause))).not.toContain('secret');
  });

  it('of a connection that was lost under a command says so', () => {
    const error = Object.assign(new Error('Reached the max retries per request limit (which is 0).'), {
      name: 'MaxRetriesPerRequestError',
    });
    expect(messageOf(error)).toBe('the connection was lost');
  });

  it('of a name with several addresses is the error of the first', () => {
    expect(messageOf(new AggregateError([new Error('connect ECONNREFUSED ::1:1'), new Error('other')]))).toBe(
      'connect ECONNREFUSED ::1:1',
    );
  });
});
