import { Base64, ByteCount, DateTime } from '#platform/graphql/scalars.ts';
import type { Resolvers } from '../generated/resolvers.ts';
import { Appointment } from './Appointment.ts';
import { City } from './City.ts';
import { ContentRefused } from './ContentRefused.ts';
import { MedicalFile } from './MedicalFile.ts';
import { MedicalFileVersion } from './MedicalFileVersion.ts';
import { attachFile } from './Mutation/attachFile.ts';
import { deleteFile } from './Mutation/deleteFile.ts';
import { detachFile } from './Mutation/detachFile.ts';
import { finishUpload } from './Mutation/finishUpload.ts';
import { requestUpload } from './Mutation/requestUpload.ts';
import { resumeUpload } from './Mutation/resumeUpload.ts';
import { rotateKeys } from './Mutation/rotateKeys.ts';
import { scrubFiles } from './Mutation/scrubFiles.ts';
import { uploadFile } from './Mutation/uploadFile.ts';
import { Patient } from './Patient.ts';
import { file } from './Query/file.ts';
import { fileTasks } from './Query/fileTasks.ts';
import { serverKey } from './Query/serverKey.ts';

/** Every resolver of this subgraph. */
export const resolvers: Resolvers = {
  Query: { file, fileTasks, serverKey },
  Mutation: { attachFile, deleteFile, detachFile, finishUpload, requestUpload, resumeUpload, rotateKeys, scrubFiles, uploadFile },
  Appointment,
  City,
  ContentRefused,
  MedicalFile,
  MedicalFileVersion,
  Patient,
  Base64,
  ByteCount,
  DateTime,
};
